package io.tidemark.adapter.source;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;

/**
 * The callers that wait for one adapter, grouped by the source that they named, and the attempts of each source. The
 * sources take turns: after a temporary failure of one, the others are tried before it is tried again. A source that
 * fails fails only its own callers. Thread-safe.
 */
final class Transfer {

    /**
     * What is downloaded once for all callers.
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

    /** The callers of one source, and its attempts. */
    private static final class Callers {
        private final List<CompletableFuture<HeldFolder>> futures = new ArrayList<>();
        private int failures;
        private Optional<SourceException> cause = Optional.empty();
        private OptionalLong deadline = OptionalLong.empty();
    }

    private final Key key;
    private final Map<AdapterSource, Callers> waiting = new LinkedHashMap<>();
    private boolean ended;

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
        waiting.computeIfAbsent(source, first -> new Callers()).futures.add(future);
        return Optional.of(future);
    }

    /** The source whose turn it is. Empty if no caller is left, which ends the transfer. */
    synchronized Optional<AdapterSource> next() {
        waiting.values().removeIf(callers -> {
            callers.futures.removeIf(CompletableFuture::isDone);
            return callers.futures.isEmpty();
        });
        ended = waiting.isEmpty();
        return source();
    }

    /** Whether a source has callers that wait. */
    synchronized boolean hasCallers(AdapterSource source) {
        return callers(source).futures.stream().anyMatch(future -> !future.isDone());
    }

    /** The end of the time of a source, which begins with its first attempt. */
    synchronized long deadline(AdapterSource source, Duration time) {
        Callers callers = callers(source);
        if (callers.deadline.isEmpty()) {
            callers.deadline = OptionalLong.of(System.nanoTime() + time.toNanos());
        }
        return callers.deadline.getAsLong();
    }

    /** Counts a failed attempt, and returns the number of those of the source. */
    synchronized int failed(AdapterSource source, SourceException failure) {
        Callers callers = callers(source);
        // the end of the time says less than what took the time
        if (callers.cause.isEmpty() || failure.failure() != SourceException.Failure.TOO_SLOW) {
            callers.cause = Optional.of(failure);
        }
        return ++callers.failures;
    }

    /** Gives the other sources their turn first. Returns the failed attempts of the one whose turn it is now. */
    synchronized int postpone(AdapterSource source) {
        Optional.ofNullable(waiting.remove(source)).ifPresent(callers -> waiting.put(source, callers));
        return source().map(first -> callers(first).failures).orElse(0);
    }

    /** Why the last attempt of a source failed that was not cut off by the end of the time, if there was one. */
    synchronized Optional<SourceException> cause(AdapterSource source) {
        return callers(source).cause;
    }

    /** The callers of a source, which is done. */
    synchronized List<CompletableFuture<HeldFolder>> leave(AdapterSource source) {
        Callers callers = callers(source);
        waiting.remove(source);
        return callers.futures;
    }

    /** All callers; no further one can join. */
    synchronized List<CompletableFuture<HeldFolder>> end() {
        ended = true;
        List<CompletableFuture<HeldFolder>> callers =
                waiting.values().stream().flatMap(each -> each.futures.stream()).toList();
        waiting.clear();
        return callers;
    }

    /** The source whose turn it is, if any has callers. */
    synchronized Optional<AdapterSource> source() {
        return waiting.keySet().stream().findFirst();
    }

    /** None if all callers of the source were cancelled. */
    private Callers callers(AdapterSource source) {
        return waiting.getOrDefault(source, new Callers());
    }
}
