package io.tidemark.decoder.kvcache;

import io.tidemark.decoder.script.NativeHandle;
import io.tidemark.torch.Value;
import java.util.Optional;

/**
 * Keys and values of several sequences of similar length: one tensor {@code [2, slots, kvHeads, capacity, width]} per
 * layer, where a head has {@code headDim} elements or more. A sequence keeps its slot until it ends, so that attention
 * reads neighbouring slots in place.
 *
 * <p>Immutable except for the contents of the slots: several threads may use a block if no two of them use the same
 * slot. {@link KvPool} tracks which slots are free.
 */
public final class KvBlock implements AutoCloseable {

    private final Value cache;
    private final Optional<NativeHandle> handle;
    private final int slots;
    private final int capacity;
    private final int ringCapacity;

    /**
     * @param cache        the tensors; closed with this block
     * @param handle       the block in the native decoder, in the native path; closed with this block
     * @param capacity     tokens of a slot in layers without a window
     * @param ringCapacity tokens of a slot in layers with a window
     */
    public KvBlock(Value cache, Optional<NativeHandle> handle, int slots, int capacity, int ringCapacity) {
        this.cache = cache;
        this.handle = handle;
        this.slots = slots;
        this.capacity = capacity;
        this.ringCapacity = ringCapacity;
    }

    /** A list of one tensor per layer. */
    public Value cache() {
        return cache;
    }

    /** The number of the block in the native decoder; {@link NativeHandle#NONE} outside of the native path. */
    public long handle() {
        return handle.map(NativeHandle::number).orElse(NativeHandle.NONE);
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
        // the native decoder reads the tensors until its block is closed
        handle.ifPresent(NativeHandle::close);
        cache.close();
    }
}
