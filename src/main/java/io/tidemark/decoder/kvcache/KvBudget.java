package io.tidemark.decoder.kvcache;

import java.util.concurrent.atomic.AtomicLong;

/** The memory for keys and values that all pools of a process share, in bytes. Safe for use by several threads. */
public final class KvBudget {

    /** A block takes at most this part of the budget: a large one would lock out other sizes until it is empty. */
    private static final int MIN_BLOCKS = 8;

    private static final int MIN_BLOCKS_PER_POOL = 4;

    private final long bytes;
    private final int pools;
    private final AtomicLong taken = new AtomicLong();

    /**
     * @param bytes keys and values of running sequences and of kept prefixes together, 1 or more
     * @param pools how many pools share it, 1 or more
     */
    public KvBudget(long bytes, int pools) {
        if (bytes < 1 || pools < 1) {
            throw new IllegalArgumentException(
                    "the memory for keys and values must be at least 1 byte, for at least 1 pool: " + bytes + ", "
                            + pools);
        }
        this.bytes = bytes;
        this.pools = pools;
    }

    /** The most that a block of several slots should take. */
    public long blockBytes() {
        return bytes / Math.max(MIN_BLOCKS, MIN_BLOCKS_PER_POOL * pools);
    }

    /** The whole budget. */
    public long bytes() {
        return bytes;
    }

    public long free() {
        return bytes - taken.get();
    }

    /** Reserves so many bytes, or none and returns false where fewer are free. */
    public boolean tryReserve(long more) {
        long before = taken.getAndUpdate(now -> more <= bytes - now ? now + more : now);
        return more <= bytes - before;
    }

    public void release(long fewer) {
        taken.addAndGet(-fewer);
    }
}
