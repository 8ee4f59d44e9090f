package io.tidemark.decoder.kvcache;

import io.tidemark.torch.Value;
import java.util.BitSet;

/**
 * Keys and values of several sequences of similar length: one tensor {@code [2, slots, kvHeads, capacity, headDim]} per
 * layer. A sequence keeps its slot until it ends, so that attention reads neighbouring slots in place.
 *
 * <p>Not thread-safe: belongs to the thread of its pool.
 */
public final class KvBlock implements AutoCloseable {

    private final Value cache;
    private final int slots;
    private final int capacity;
    private final int ringCapacity;
    private final BitSet used = new BitSet();

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

    int slots() {
        return slots;
    }

    int freeSlots() {
        return slots - used.cardinality();
    }

    boolean isFull() {
        return freeSlots() == 0;
    }

    boolean isEmpty() {
        return used.isEmpty();
    }

    /** Takes the lowest free slot: contiguous slots need the fewest attention calls. */
    public KvSlot take() {
        int index = used.nextClearBit(0);
        used.set(index);
        return new KvSlot(this, index);
    }

    void release(KvSlot slot) {
        used.clear(slot.index());
    }

    @Override
    public void close() {
        cache.close();
    }
}
