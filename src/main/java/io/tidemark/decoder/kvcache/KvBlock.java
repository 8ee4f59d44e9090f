package io.tidemark.decoder.kvcache;

import io.tidemark.torch.Value;

/**
 * Keys and values of several sequences of similar length: one tensor {@code [2, slots, kvHeads, capacity, headDim]} per
 * layer. A sequence keeps its slot until it ends, so that attention reads neighbouring slots in place.
 *
 * <p>Immutable except for the contents of the slots: several threads may use a block if no two of them use the same
 * slot. The {@link KvSlotRange}s of the block track which slots are free.
 */
public final class KvBlock implements AutoCloseable {

    private final Value cache;
    private final int slots;
    private final int capacity;
    private final int ringCapacity;

    /**
     * @param cache        the tensors; closed with this block
     * @param capacity     tokens of a slot in layers without a window
     * @param ringCapacity tokens of a slot in layers with a window
     */
    public KvBlock(Value cache, int slots, int capacity, int ringCapacity) {
        this.cache = cache;
        this.slots = slots;
        this.capacity = capacity;
        this.ringCapacity = ringCapacity;
    }

    /** A list of one tensor per layer. */
    public Value cache() {
        return cache;
    }

    public int capacity() {
        return capacity;
    }

    public int ringCapacity() {
        return ringCapacity;
    }

    /** @param index 0 or more, less than the number of slots */
    public KvSlot slot(int index) {
        return new KvSlot(this, index);
    }

    int slots() {
        return slots;
    }

    @Override
    public void close() {
        cache.close();
    }
}
