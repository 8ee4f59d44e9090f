package io.tidemark.decoder.kvcache;

/** The keys and values of one sequence, from its admission to its end. */
public final class KvSlot {

    private final KvBlock block;
    private final int index;

    KvSlot(KvBlock block, int index) {
        this.block = block;
        this.index = index;
    }

    public KvBlock block() {
        return block;
    }

    /** The index of the slot in its block. */
    public int index() {
        return index;
    }

    /** The most tokens that the slot stores. A sequence may be longer if every layer has a window. */
    public int capacity() {
        return block.capacity();
    }
}
