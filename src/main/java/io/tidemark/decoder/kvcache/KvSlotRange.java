package io.tidemark.decoder.kvcache;

import io.tidemark.decoder.kvcache.KvBlocks.SharedBlock;
import java.util.BitSet;

/**
 * The slots of a block that one pool uses: all of them, or one half of a block of two pools. The first half is filled
 * from its end and the second half from its beginning, so that the used slots of both are contiguous: contiguous slots
 * need the fewest attention calls.
 *
 * <p>Not thread-safe: belongs to the thread of its pool.
 */
final class KvSlotRange {

    private final SharedBlock owner;
    private final int part;
    private final int slots;
    private final BitSet free = new BitSet();

    /** @param part index of this range among the equal ranges of the block */
    KvSlotRange(SharedBlock owner, int part) {
        this.owner = owner;
        this.part = part;
        this.slots = owner.slotsOfPart();
        free.set(part * slots, (part + 1) * slots);
    }

    SharedBlock owner() {
        return owner;
    }

    KvBlock block() {
        return owner.block();
    }

    int part() {
        return part;
    }

    int capacity() {
        return block().capacity();
    }

    /** Whether another pool may use the other half of the block. */
    boolean isHalf() {
        return owner.parts() > 1;
    }

    int freeSlots() {
        return free.cardinality();
    }

    boolean isFull() {
        return free.isEmpty();
    }

    boolean isEmpty() {
        return freeSlots() == slots;
    }

    /** Takes the free slot that is nearest to the other half, or the lowest one if there is no other half. */
    KvSlot take() {
        boolean highest = isHalf() && part == 0;
        int index = highest ? free.length() - 1 : free.nextSetBit(0);
        free.clear(index);
        return block().slot(index);
    }

    void release(KvSlot slot) {
        free.set(slot.index());
    }
}
