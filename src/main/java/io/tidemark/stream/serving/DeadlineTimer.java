package io.tidemark.stream.serving;

import io.tidemark.request.RequestRunner;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** Runs a task when the deadline of a request has passed, and not before. Thread-safe. */
final class DeadlineTimer implements RequestRunner.Timer, AutoCloseable {

    private final ScheduledThreadPoolExecutor executor;

    /** @param executor belongs to the timer, which removes cancelled tasks from it and ends it */
    DeadlineTimer(ScheduledThreadPoolExecutor executor) {
        this.executor = executor;
        executor.setRemoveOnCancelPolicy(true);
    }

    /** A timer with a thread {@code tidemark-deadlines}. */
    static DeadlineTimer create() {
        return new DeadlineTimer(new ScheduledThreadPoolExecutor(1, work -> new Thread(work, "tidemark-deadlines")));
    }

    /**
     * Milliseconds suffice, rounded up, because nothing ends before its deadline. {@link Duration#toNanos} of a
     * deadline in a distant year would overflow.
     */
    @Override
    public Runnable schedule(Duration delay, Runnable task) {
        long millis = delay.plusNanos(999_999).toMillis();
        Future<?> scheduled = executor.schedule(task, Math.max(0, millis), TimeUnit.MILLISECONDS);
        return () -> scheduled.cancel(false);
    }

    @Override
    public void close() {
        executor.shutdownNow();
    }
}
