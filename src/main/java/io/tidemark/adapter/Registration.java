package io.tidemark.adapter;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;

/** An adapter that may be asked for: where it lies, who waits for it, and what became of earlier loads. Guarded by the store's lock. */
final class Registration {

    private final String id;
    private final Path folder;
    private List<CompletableFuture<AdapterLease>> waiting = new ArrayList<>();
    private Optional<String> digest = Optional.empty();
    private Optional<Refusal> refusal = Optional.empty();
    private final long fileBytes;
    private OptionalLong measured = OptionalLong.empty();

    private record Refusal(AdapterRefused reason, long nanos) {}

    /** @param fileBytes of the weights file */
    Registration(String id, Path folder, long fileBytes) {
        this.id = id;
        this.folder = folder;
        this.fileBytes = fileBytes;
    }

    String id() {
        return id;
    }

    Path folder() {
        return folder;
    }

    /**
     * The memory that it takes: what it took last time, and before the first load a guess.
     *
     * @param perFileByte the most that others took for a byte of their files
     */
    long bytes(double perFileByte) {
        return measured.orElse((long) Math.ceil(fileBytes * perFileByte));
    }

    long fileBytes() {
        return fileBytes;
    }

    /** Of the version loaded last. */
    Optional<String> digest() {
        return digest;
    }

    /** @return true for the first to wait, who has to start the load */
    boolean join(CompletableFuture<AdapterLease> waiter) {
        waiting.add(waiter);
        return waiting.size() == 1;
    }

    List<CompletableFuture<AdapterLease>> takeWaiting() {
        List<CompletableFuture<AdapterLease>> taken = waiting;
        waiting = new ArrayList<>();
        return taken;
    }

    void loaded(LoadedAdapter adapter) {
        digest = Optional.of(adapter.digest());
        refusal = Optional.empty();
        measured = OptionalLong.of(adapter.weights().bytes());
    }

    void refused(AdapterRefused reason, long nanos) {
        refusal = Optional.of(new Refusal(reason, nanos));
    }

    /** Why the last load failed, if that is not long ago. */
    Optional<AdapterRefused> refusedSince(long nanos) {
        return refusal.filter(last -> last.nanos() - nanos >= 0).map(Refusal::reason);
    }
}
