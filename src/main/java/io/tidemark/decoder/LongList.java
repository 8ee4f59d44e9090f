package io.tidemark.decoder;

import java.util.Arrays;

/** A growing array of longs, for the plan of a step. */
public final class LongList {

    private long[] values = new long[256];
    private int size;

    public void add(long value) {
        if (size == values.length) {
            values = Arrays.copyOf(values, size * 2);
        }
        values[size++] = value;
    }

    /** {@code from, from + 1, ..}, so many. */
    public void addRange(long from, int count) {
        for (int i = 0; i < count; i++) {
            add(from + i);
        }
    }

    public void addAll(long[] more) {
        for (long value : more) {
            add(value);
        }
    }

    public long[] toArray() {
        return Arrays.copyOf(values, size);
    }
}
