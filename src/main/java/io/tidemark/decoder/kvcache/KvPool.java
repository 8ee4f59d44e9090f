package io.tidemark.decoder.kvcache;

import io.tidemark.decoder.script.DecoderException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * The KV slots of one engine instance. A sequence reserves a slot for its prompt and all tokens that it may generate;
 * blocks of slots with equal capacity are allocated on demand. Several pools can share one budget.
 *
 * <p>Not thread-safe: belongs to the thread of its engine instance.
 */
public final class KvPool implements AutoCloseable {

    private static final int DEFAULT_SLOTS_PER_BLOCK = 8;

    private static final System.Logger LOG = System.getLogger(KvPool.class.getName());

    private final KvCache cache;
    private final KvBudget budget;
    private final int slotsPerBlock;
    private final PrefixCache prefixes;
    private final List<KvBlock> blocks = new ArrayList<>();

    /**
     * @param slotsPerBlock the most slots of a block, at least 1. Rows of one block can share an attention call: use
     *                      the number of sequences that run together
     * @param prefixBytes   the part of the budget that cached prefixes of this pool may use while no sequence needs it;
     *                      0 disables the prefix cache
     */
    public KvPool(KvCache cache, KvBudget budget, int slotsPerBlock, long prefixBytes) {
        if (slotsPerBlock < 1 || prefixBytes < 0) {
            throw new IllegalArgumentException(
                    "slotsPerBlock must be at least 1, prefixBytes at least 0: " + slotsPerBlock + ", " + prefixBytes);
        }
        this.cache = cache;
        this.budget = budget;
        this.slotsPerBlock = slotsPerBlock;
        this.prefixes = new PrefixCache(cache, budget, prefixBytes);
    }

    /** A pool with its own budget and without a prefix cache. */
    public KvPool(KvCache cache, long budgetBytes) {
        this(cache, new KvBudget(budgetBytes, 1), DEFAULT_SLOTS_PER_BLOCK, 0);
    }

    /** Whether this many sequences of this length fit into the whole budget. */
    public boolean canEverHold(int tokens, int sequences) {
        return bytes(tokens, sequences) <= budget.bytes();
    }

    /** Bytes of this many sequences of this length. */
    public long bytes(int tokens, int sequences) {
        return sequences * cache.bytes(1, cache.capacityFor(tokens));
    }

    /**
     * Reserves a slot of {@code tokens} tokens for each sequence, or none if the budget does not have enough free
     * bytes.
     *
     * @throws DecoderException if the device is out of memory although the budget is not; no slot is reserved
     */
    public Optional<List<KvSlot>> reserve(int tokens, int sequences) {
        int capacity = cache.capacityFor(tokens);
        long open = blocks.stream()
                .filter(block -> block.capacity() == capacity)
                .mapToLong(KvBlock::freeSlots)
                .sum();
        long missing = Math.max(0, sequences - open) * cache.bytes(1, capacity);
        freeUnused(missing, block -> block.capacity() != capacity);
        if (missing > budget.free()) {
            return Optional.empty();
        }
        List<KvSlot> slots = new ArrayList<>();
        try {
            while (slots.size() < sequences) {
                Optional<KvSlot> slot = reserve(tokens);
                if (slot.isEmpty()) {
                    slots.forEach(this::release);
                    return Optional.empty();
                }
                slots.add(slot.get());
            }
            return Optional.of(slots);
        } catch (DecoderException e) {
            slots.forEach(this::release);
            throw e;
        }
    }

    /** Reserves a slot of {@code tokens} tokens; empty if the budget does not have enough free bytes. */
    public Optional<KvSlot> reserve(int tokens) {
        int capacity = cache.capacityFor(tokens);
        Optional<KvBlock> open = blocks.stream()
                .filter(b -> b.capacity() == capacity && !b.isFull())
                .findFirst();
        return open.or(() -> newBlock(capacity)).map(KvBlock::take);
    }

    /** Releases a slot; its keys and values may be overwritten. */
    public void release(KvSlot slot) {
        slot.block().release(slot);
    }

    /** Clears and releases a slot that holds values that are not finite: masked attention still reads them. */
    public void releaseInvalid(KvSlot slot) {
        try {
            cache.clear(slot);
            release(slot);
        } catch (DecoderException e) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "could not clear a KV slot; it stays unused until the worker restarts",
                    e);
        }
    }

    /** Bytes of all blocks, with used and free slots, and of cached prefixes. */
    public long reservedBytes() {
        return blocks.stream().mapToLong(this::bytes).sum() + prefixes.bytes();
    }

    /** The prefix cache of this pool. */
    public PrefixCache prefixes() {
        return prefixes;
    }

    /**
     * Copies the first {@code tokens} tokens of one slot to another of the same capacity.
     *
     * @throws DecoderException if libtorch could not copy them
     */
    public void copy(KvSlot from, KvSlot to, int tokens) {
        cache.copy(from, to, tokens);
    }

    /**
     * Frees blocks without sequences, then cached prefixes, until {@code wantedBytes} of the budget are free or nothing
     * is left to free.
     *
     * @return whether anything was freed
     */
    public boolean freeUnused(long wantedBytes) {
        return freeUnused(wantedBytes, block -> true);
    }

    private boolean freeUnused(long wantedBytes, Predicate<KvBlock> which) {
        long before = reservedBytes();
        for (KvBlock block : List.copyOf(blocks)) {
            if (block.isEmpty() && which.test(block) && budget.free() < wantedBytes) {
                blocks.remove(block);
                block.close();
                budget.release(bytes(block));
            }
        }
        prefixes.evict(wantedBytes - budget.free());
        return reservedBytes() < before;
    }

    @Override
    public void close() {
        blocks.forEach(block -> {
            block.close();
            budget.release(bytes(block));
        });
        blocks.clear();
        prefixes.close();
    }

    private Optional<KvBlock> newBlock(int capacity) {
        long slotBytes = cache.bytes(1, capacity);
        if (budget.free() < slotBytes) {
            freeUnused(slotBytes);
        }
        long share = Math.max(slotBytes, Math.min(budget.blockBytes(), budget.free()));
        int slots = (int) Math.min(slotsPerBlock, share / slotBytes);
        // Another pool may reserve bytes of the same budget at the same time.
        while (!budget.tryReserve(cache.bytes(slots, capacity))) {
            if (slots == 1) {
                return Optional.empty();
            }
            slots = 1;
        }
        try {
            KvBlock block = cache.allocate(slots, capacity);
            blocks.add(block);
            return Optional.of(block);
        } catch (RuntimeException e) {
            budget.release(cache.bytes(slots, capacity));
            throw e;
        }
    }

    private long bytes(KvBlock block) {
        return cache.bytes(block.slots(), block.capacity());
    }
}
