package io.tidemark.adapter.source;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;

/**
 * Those who wait for one adapter, by the source that they named, and the attempts of the source whose turn it is. A
 * source that fails fails only its own callers, and the next one has its turn. Thread-safe.
 */
final class Transfer {

    /**
     * What is downloaded once for all who want it.
     *
     * @param digest of the adapter; absent if any is accepted
     * @param source absent if the bytes may be from any source
     */
    record Key(Optional<String> digest, Optional<AdapterSource> source) {

        /** A file is served in place, so its callers can't share the bytes of another source. */
        static Key of(AdapterSource source, Optional<String> digest) {
            boolean alone = digest.isEmpty() || source.scheme() == AdapterSource.Scheme.FILE;
            return new Key(digest, alone ? Optional.of(source) : Optional.empty());
        }

        boolean isFile() {
            return source.stream().anyMatch(each -> each.scheme() == AdapterSource.Scheme.FILE);
        }

        /** The name of the partial folder. */
        String text() {
            return digest.orElseGet(() -> "source-"
                    + HexFormat.of()
                            .formatHex(Sha256.of(source.orElseThrow().toString().getBytes(StandardCharsets.UTF_8))));
        }
    }

    private final Key key;
    private final Map<AdapterSource, List<CompletableFuture<HeldFolder>>> waiting = new LinkedHashMap<>();
    private boolean ended;
    private int failures;
    private Optional<SourceException> cause = Optional.empty();
    private OptionalLong deadline = OptionalLong.empty();

    Transfer(Key key) {
        this.key = key;
    }

    Key key() {
        return key;
    }

    /** A further caller; empty if the transfer has ended. */
    synchronized Optional<CompletableFuture<HeldFolder>> join(AdapterSource source) {
        if (ended) {
            return Optional.empty();
        }
        CompletableFuture<HeldFolder> future = new CompletableFuture<>();
        waiting.computeIfAbsent(source, first -> new ArrayList<>()).add(future);
        return Optional.of(future);
    }

    /** The source whose turn it is. Empty if nobody waits any more, which ends the transfer. */
    synchronized Optional<AdapterSource> next() {
        boolean first = true;
        for (Iterator<List<CompletableFuture<HeldFolder>>> callers =
                        waiting.values().iterator();
                callers.hasNext();
                first = false) {
            List<CompletableFuture<HeldFolder>> futures = callers.next();
            futures.removeIf(CompletableFuture::isDone);
            if (futures.isEmpty()) {
                callers.remove();
                if (first) {
                    restart();
                }
            }
        }
        ended = waiting.isEmpty();
        return waiting.keySet().stream().findFirst();
    }

    /** Whether anyone waits for the bytes of a source. */
    synchronized boolean wants(AdapterSource source) {
        return waiting.getOrDefault(source, List.of()).stream().anyMatch(future -> !future.isDone());
    }

    /** The end of the time of the source whose turn it is, which begins with its first attempt. */
    synchronized long deadline(Duration time) {
        if (deadline.isEmpty()) {
            deadline = OptionalLong.of(System.nanoTime() + time.toNanos());
        }
        return deadline.getAsLong();
    }

    /** Counts a failed attempt, and returns the number of those of the source whose turn it is. */
    synchronized int failed(SourceException failure) {
        // the end of the time says less than what took the time
        if (cause.isEmpty() || failure.failure() != SourceException.Failure.TOO_SLOW) {
            cause = Optional.of(failure);
        }
        return ++failures;
    }

    /** Why the last attempt of the source failed that was not cut off by the end of the time, if there was one. */
    synchronized Optional<SourceException> cause() {
        return cause;
    }

    /** The callers of a source, which is done. */
    synchronized List<CompletableFuture<HeldFolder>> leave(AdapterSource source) {
        restart();
        List<CompletableFuture<HeldFolder>> callers = waiting.remove(source);
        return callers == null ? List.of() : callers;
    }

    /** All callers; nobody can join any more. */
    synchronized List<CompletableFuture<HeldFolder>> end() {
        ended = true;
        List<CompletableFuture<HeldFolder>> callers =
                waiting.values().stream().flatMap(List::stream).toList();
        waiting.clear();
        return callers;
    }

    /** The source whose turn it is, if anyone waits. */
    synchronized Optional<AdapterSource> source() {
        return waiting.keySet().stream().findFirst();
    }

    private void restart() {
        failures = 0;
        cause = Optional.empty();
        deadline = OptionalLong.empty();
    }
}
