package io.tidemark.benchmark.scaling;

import java.util.Comparator;
import java.util.PriorityQueue;

/** The time of a simulation and its events. Events at the same time run in the order in which they were added. */
final class VirtualClock {

    private final PriorityQueue<Event> events =
            new PriorityQueue<>(Comparator.comparingDouble(Event::time).thenComparingLong(Event::number));

    private double now;
    private long added;

    private record Event(double time, long number, Runnable action) {}

    /** Seconds since the start. */
    double now() {
        return now;
    }

    /** The same time in nanoseconds. */
    long nanos() {
        return Math.round(now * 1e9);
    }

    /** Runs an action after a delay in seconds. */
    void after(double delay, Runnable action) {
        events.add(new Event(now + Math.max(0, delay), added++, action));
    }

    /** Runs an action now and again after each period, without end. */
    void every(double period, Runnable action) {
        action.run();
        after(period, () -> every(period, action));
    }

    /** Advances to the next event and runs it. */
    void step() {
        Event next = events.remove();
        now = next.time;
        next.action.run();
    }
}
