package io.tidemark.time;

import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.Queue;

/**
 * A clock that moves only when someone sleeps. A test on one thread schedules what happens meanwhile. Used by one
 * thread.
 */
public final class VirtualTime implements Time {

    private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");

    private record Task(long at, long number, Runnable action) {}

    private final Queue<Task> tasks =
            new PriorityQueue<>(Comparator.comparingLong(Task::at).thenComparing(Task::number));
    private long nanos;
    private long scheduled;

    @Override
    public Instant instant() {
        return START.plusNanos(nanos);
    }

    @Override
    public long nanoTime() {
        return nanos;
    }

    /** Moves the clock, and runs the tasks of that time on the calling thread, each at its time. */
    @Override
    public void sleep(Duration duration) {
        long end = nanos + duration.toNanos();
        while (!tasks.isEmpty() && tasks.element().at() <= end) {
            Task next = tasks.remove();
            nanos = Math.max(nanos, next.at());
            next.action().run();
        }
        // a task may have slept beyond the end
        nanos = Math.max(nanos, end);
    }

    /** Runs {@code action} when the clock has moved by {@code delay}. Actions of one moment run in their order. */
    public void schedule(Duration delay, Runnable action) {
        tasks.add(new Task(nanos + delay.toNanos(), scheduled++, action));
    }
}
