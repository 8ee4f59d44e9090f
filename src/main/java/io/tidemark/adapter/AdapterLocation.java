package io.tidemark.adapter;

import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;

/** Gives the folder with the files of one version of an adapter, from wherever they are stored. */
@FunctionalInterface
public interface AdapterLocation {

    /**
     * The folder, which is not changed or removed before it is released. The future belongs to the caller, who gets no
     * folder after cancelling it. It may complete on any thread, and fails if the files can't be had, with an exception
     * whose message says why.
     */
    CompletableFuture<Folder> hold();

    /** A folder that is never removed, such as one of the settings. */
    static AdapterLocation in(Path folder) {
        Folder kept = new Folder(folder, () -> {});
        return () -> CompletableFuture.completedFuture(kept);
    }

    /**
     * A PEFT folder that is held.
     *
     * @param release ends the hold; called once
     */
    record Folder(Path path, Runnable release) {}
}
