package io.tidemark.decoder.kvcache;

import io.tidemark.torch.Value;
import java.util.BitSet;

/**
 * Keys and values of a few sequences of similar length: per layer one tensor
 * {@code [2, slots, kvHeads, capacity, headDim]}. A sequence keeps its slot, so that attention reads neighbouring slots in place.
 */
public final class KvBlock implements AutoCloseable {

    private final Value cache;
    private final int capacity;
    private final int ringCapacity;
    private final int slots;
    private final BitSet used = new BitSet();

    public KvBlock(Value cache, int slots, int capacity, int ringCapacity) {
        this.cache = cache;
        this.slots = slots;
        this.capacity = capacity;
        this.ringCapacity = ringCapacity;
    }

    /** One tensor a layer. */
    public Value cache() {
        return cache;
    }

    /** Tokens that the layers without a window hold. */
    public int capacity() {
        return capacity;
    }

    /** Tokens that the layers with a window hold. */
    public int ringCapacity() {
        return ringCapacity;
    }

    public int slots() {
        return slots;
    }

    public boolean isFull() {
        return used.cardinality() == slots;
    }

    public int freeSlots() {
        return slots - used.cardinality();
    }

    public boolean isEmpty() {
        return used.isEmpty();
    }

    /** The lowest free slot: neighbours make the fewest attention calls. */
    public KvSlot take() {
        int index = used.nextClearBit(0);
        used.set(index);
        return new KvSlot(this, index);
    }

    public void release(KvSlot slot) {
        used.clear(slot.index());
    }

    @Override
    public void close() {
        cache.close();
    }
}
