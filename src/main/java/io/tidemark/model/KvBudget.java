package io.tidemark.model;

import java.util.concurrent.atomic.AtomicLong;

/** The memory for keys and values that all pools of a process share, in bytes. Safe for use by several threads. */
public final class KvBudget {

    private final long bytes;
    private final AtomicLong taken = new AtomicLong();

    /** @param bytes keys and values of running sequences and of kept prefixes together, 1 or more */
    public KvBudget(long bytes) {
        if (bytes < 1) {
            throw new IllegalArgumentException("the memory for keys and values must be at least 1 byte: " + bytes);
        }
        this.bytes = bytes;
    }

    /** The whole budget. */
    public long bytes() {
        return bytes;
    }

    /** What pools have taken. */
    public long taken() {
        return taken.get();
    }

    long free() {
        return bytes - taken.get();
    }

    /** Takes so many bytes, or none and returns false where fewer are free. */
    boolean take(long more) {
        long before = taken.getAndUpdate(now -> more <= bytes - now ? now + more : now);
        return more <= bytes - before;
    }

    void giveBack(long fewer) {
        taken.addAndGet(-fewer);
    }
}
