package io.tidemark.decoder.kvcache;

/** The place of one sequence's keys and values, from admission to its end. */
public final class KvSlot {

    private final KvBlock block;
    private final int index;

    public KvSlot(KvBlock block, int index) {
        this.block = block;
        this.index = index;
    }

    public KvBlock block() {
        return block;
    }

    public int index() {
        return index;
    }

    /** The most tokens that the slot holds at a time; where every layer has a window, a sequence may have more. */
    public int capacity() {
        return block.capacity();
    }
}
