package io.tidemark.cli.file;

import io.tidemark.cli.console.CommandException;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * The open requests of a run, bounded in number and bytes. Thread-safe: the command's thread opens requests and waits,
 * threads of the client close them.
 */
final class OpenWindow {

    private static final long TICK_MILLIS = 200;

    private final WindowLimits limits;
    private final LongSupplier nanoTime;
    private final Map<String, Open> open = new LinkedHashMap<>();
    private long bytes;
    private long progress;
    private Optional<RuntimeException> failure = Optional.empty();

    OpenWindow(WindowLimits limits, LongSupplier nanoTime) {
        this.limits = limits;
        this.nanoTime = nanoTime;
    }

    private record Open(Instant sent, int bytes) {}

    Duration timeout() {
        return limits.timeout();
    }

    /**
     * Opens a request; waits until it has a place.
     *
     * @param tick runs while the thread waits
     * @throws RuntimeException the failure of an open request
     * @throws CommandException when there is no result for too long
     */
    void open(String id, int length, Instant sent, Runnable tick) throws InterruptedException {
        awaitUntil(() -> open.size() < limits.requests() && bytes + length <= limits.bytes(), tick);
        add(id, length, sent);
    }

    /** Opens a request that an earlier run has sent. */
    synchronized void add(String id, int length, Instant sent) {
        if (open.isEmpty()) {
            progress = nanoTime.getAsLong();
        }
        open.put(id, new Open(sent, length));
        bytes += length;
    }

    /** A request has ended. */
    synchronized void close(String id) {
        Open closed = open.remove(id);
        bytes -= closed == null ? 0 : closed.bytes();
        progress = nanoTime.getAsLong();
        notifyAll();
    }

    /** A request failed in a way that ends the run; it stays open. */
    synchronized void fail(RuntimeException cause) {
        failure = failure.or(() -> Optional.of(cause));
        notifyAll();
    }

    /** Waits until no request is open; fails as {@link #open} does. */
    void awaitNone(Runnable tick) throws InterruptedException {
        awaitUntil(() -> false, tick);
    }

    private interface Condition {
        boolean holds();
    }

    private void awaitUntil(Condition condition, Runnable tick) throws InterruptedException {
        while (true) {
            synchronized (this) {
                if (failure.isPresent()) {
                    throw failure.get();
                }
                if (open.isEmpty() || condition.holds()) {
                    return;
                }
                if (nanoTime.getAsLong() - progress > limits.timeout().toNanos()) {
                    throw new CommandException(
                            "no result for " + limits.timeout().toSeconds() + " s (open requests: " + open.size()
                                    + "); is a worker running? 'tidemark serve --role worker'");
                }
                TimeUnit.MILLISECONDS.timedWait(this, TICK_MILLIS);
            }
            tick.run();
        }
    }

    /** When the oldest open request was sent; now if none is open. */
    synchronized Instant oldest(Instant now) {
        return open.values().stream().map(Open::sent).min(Instant::compareTo).orElse(now);
    }

    synchronized int size() {
        return open.size();
    }
}
