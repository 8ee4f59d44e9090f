package io.tidemark.adapter;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** An adapter that may be asked for: where it lies, who waits for it, and what became of earlier loads. Guarded by the store's lock. */
final class Registration {

    private final String id;
    private final Path folder;
    private List<CompletableFuture<AdapterLease>> waiting = new ArrayList<>();
    private Optional<String> digest = Optional.empty();
    private Optional<Refusal> refusal = Optional.empty();
    private long bytes;

    private record Refusal(AdapterRefused reason, long nanos) {
    }

    Registration(String id, Path folder, long bytes) {
        this.id = id;
        this.folder = folder;
        this.bytes = bytes;
    }

    String id() {
        return id;
    }

    Path folder() {
        return folder;
    }

    /** The memory it took last time; before the first load a guess. */
    long bytes() {
        return bytes;
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
        bytes = adapter.weights().bytes();
    }

    void refused(AdapterRefused reason, long nanos) {
        refusal = Optional.of(new Refusal(reason, nanos));
    }

    /** Why the last load failed, if that is not long ago. */
    Optional<AdapterRefused> refusedSince(long nanos) {
        return refusal.filter(last -> last.nanos() - nanos >= 0).map(Refusal::reason);
    }
}
