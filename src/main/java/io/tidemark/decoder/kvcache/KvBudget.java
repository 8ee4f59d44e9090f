package io.tidemark.decoder.kvcache;

import java.util.concurrent.atomic.AtomicLong;

/** The memory budget, in bytes, of the sequences and cached prefixes of an engine. Thread-safe. */
public final class KvBudget {

    /** A block takes at most this fraction of the budget: other sizes could not use the memory of a large one. */
    private static final int MIN_BLOCKS = 8;

    private final long bytes;
    private final AtomicLong taken = new AtomicLong();

    /** @param bytes memory for running sequences and cached prefixes together, at least 1 */
    public KvBudget(long bytes) {
        if (bytes < 1) {
            throw new IllegalArgumentException("the KV budget needs at least 1 byte, not " + bytes);
        }
        this.bytes = bytes;
    }

    /** The most bytes that a block of several slots should have. */
    long blockBytes() {
        return bytes / MIN_BLOCKS;
    }

    /** The whole budget, in bytes. */
    public long bytes() {
        return bytes;
    }

    /** Bytes of all blocks, with used and free slots, and of cached prefixes. */
    public long reserved() {
        return taken.get();
    }

    long free() {
        return bytes - reserved();
    }

    /** Reserves this many bytes if they are free. */
    boolean tryReserve(long more) {
        long before = taken.getAndUpdate(now -> more <= bytes - now ? now + more : now);
        return more <= bytes - before;
    }

    void release(long fewer) {
        taken.addAndGet(-fewer);
    }
}
