package io.tidemark.generation.layout;

import java.util.Arrays;

/** The last {@value #COUNT} durations, in nanoseconds. Their median does not depend on a few that are far longer. */
final class RecentDurations {

    private static final int COUNT = 9;

    /** The first {@code size} elements are used. */
    private final long[] nanos = new long[COUNT];

    private int size;
    /** Where the next duration goes. */
    private int next;

    void add(long duration) {
        nanos[next] = duration;
        next = (next + 1) % COUNT;
        size = Math.min(size + 1, COUNT);
    }

    void clear() {
        size = 0;
        next = 0;
    }

    int size() {
        return size;
    }

    boolean isEmpty() {
        return size == 0;
    }

    boolean isFull() {
        return size == COUNT;
    }

    /** The median, or the mean of the two middle ones. Requires at least one duration. */
    double median() {
        long[] sorted = Arrays.copyOf(nanos, size);
        Arrays.sort(sorted);
        int half = size / 2;
        return size % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2.0;
    }
}
