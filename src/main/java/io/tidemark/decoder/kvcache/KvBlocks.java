package io.tidemark.decoder.kvcache;

import io.tidemark.decoder.script.DecoderException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;

/**
 * Allocates KV blocks for one pool, or for two pools whose sequences may run in the same step. Each of two pools takes
 * one half of a block, so that one attention call can read slots of both. The half that the other pool has not taken
 * costs it no budget. A block is freed when no pool has a part of it.
 *
 * <p>Thread-safe. The lock is held while tensors are allocated or freed, not in a step.
 */
public final class KvBlocks {

    private static final int MAX_POOLS = 2;

    private final KvCache cache;
    private final KvBudget budget;
    private final int pools;
    private int newPools;
    /** The allocated blocks, the oldest first. */
    private final List<SharedBlock> blocks = new ArrayList<>();

    /** A block and its equal parts. */
    static final class SharedBlock {

        private final KvBlock block;
        private final int parts;
        /** Guarded by the lock of the allocator. */
        private final BitSet taken = new BitSet();

        private SharedBlock(KvBlock block, int parts) {
            this.block = block;
            this.parts = parts;
        }

        KvBlock block() {
            return block;
        }

        int parts() {
            return parts;
        }

        int slotsOfPart() {
            return block.slots() / parts;
        }

        private KvSlotRange take(int part) {
            taken.set(part);
            return new KvSlotRange(this, part);
        }

        /** Returns whether no part is taken any more. */
        private boolean giveBack(int part) {
            taken.clear(part);
            return taken.isEmpty();
        }
    }

    /** @param pools 1, or 2 for pools that share blocks */
    public KvBlocks(KvCache cache, KvBudget budget, int pools) {
        if (pools < 1 || pools > MAX_POOLS) {
            throw new IllegalArgumentException("1 or " + MAX_POOLS + " pools can share blocks, not " + pools);
        }
        this.cache = cache;
        this.budget = budget;
        this.pools = pools;
    }

    /**
     * A pool that takes its slots from these blocks.
     *
     * @param slotsPerPool the most slots that the pool takes from a block, at least 1. Rows of one block can share an
     *                     attention call: use the number of sequences that run together in the pool
     * @param prefixBytes  the part of the budget that cached prefixes of the pool may use while no sequence needs it; 0
     *                     disables the prefix cache
     * @throws IllegalStateException if all pools exist
     */
    public synchronized KvPool newPool(int slotsPerPool, long prefixBytes) {
        if (newPools == pools) {
            throw new IllegalStateException("all " + pools + " pools of these blocks exist");
        }
        return new KvPool(this, newPools++, slotsPerPool, prefixBytes);
    }

    KvCache cache() {
        return cache;
    }

    KvBudget budget() {
        return budget;
    }

    /** The slots of untaken halves, which a pool can take without reserving budget. */
    synchronized long untakenSlots(int pool, int capacity) {
        return blocks.stream()
                .filter(block -> isUntaken(block, pool, capacity))
                .mapToLong(SharedBlock::slotsOfPart)
                .sum();
    }

    /** Takes the half for this pool of a block whose other half is taken; empty if there is none. */
    synchronized Optional<KvSlotRange> takeUntaken(int pool, int capacity) {
        return blocks.stream()
                .filter(block -> isUntaken(block, pool, capacity))
                .findFirst()
                .map(block -> block.take(pool));
    }

    /**
     * Allocates a block and takes the part of a pool.
     *
     * @param slotsPerPool the most slots of the part
     * @param sequences    how many slots of this capacity the pool is about to take, at least 1. A half for the other
     *                     pool is allocated only if the budget also has bytes for all of them
     * @return empty if the budget does not have enough free bytes for one slot
     * @throws DecoderException if the device is out of memory although the budget is not
     */
    synchronized Optional<KvSlotRange> allocate(int pool, int capacity, int slotsPerPool, int sequences) {
        long slotBytes = cache.bytes(1, capacity);
        long free = budget.free() / slotBytes;
        int parts = pools;
        long most = Math.max(1, Math.min(parts * budget.blockBytes() / slotBytes, free));
        int slots = parts * (int) Math.min(slotsPerPool, most / parts);
        if (parts > 1 && (slots == 0 || slots + Math.max(0L, sequences - slots / parts) > free)) {
            parts = 1;
            slots = 1;
        }
        // Other pools may reserve bytes of the same budget at the same time.
        while (!budget.tryReserve(slots * slotBytes)) {
            if (slots == 1) {
                return Optional.empty();
            }
            parts = 1;
            slots = 1;
        }
        try {
            SharedBlock block = new SharedBlock(cache.allocate(slots, capacity), parts);
            blocks.add(block);
            return Optional.of(block.take(parts == 1 ? 0 : pool));
        } catch (RuntimeException e) {
            budget.release(slots * slotBytes);
            throw e;
        }
    }

    /**
     * Gives back a part; the pool does not use it any more. Frees the block if no part of it is taken.
     *
     * @return the bytes that were freed
     */
    synchronized long giveBack(KvSlotRange range) {
        SharedBlock block = range.owner();
        if (!block.giveBack(range.part())) {
            return 0;
        }
        long bytes = cache.bytes(block.block().slots(), block.block().capacity());
        blocks.remove(block);
        block.block().close();
        budget.release(bytes);
        return bytes;
    }

    private static boolean isUntaken(SharedBlock block, int pool, int capacity) {
        return block.parts() > 1 && block.block().capacity() == capacity && !block.taken.get(pool);
    }
}
