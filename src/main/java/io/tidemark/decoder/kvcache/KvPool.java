package io.tidemark.decoder.kvcache;

import io.tidemark.decoder.script.DecoderException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * The KV slots of an engine. A sequence reserves a slot for its prompt and all tokens that it may generate. Blocks of
 * slots with equal capacity are allocated on demand, and freed when other capacities or cached prefixes need the
 * memory.
 *
 * <p>Not thread-safe: belongs to the thread of the engine.
 */
public final class KvPool implements AutoCloseable {

    private static final int DEFAULT_SLOTS_PER_BLOCK = 8;

    private static final System.Logger LOG = System.getLogger(KvPool.class.getName());

    private final KvCache cache;
    private final KvBudget budget;
    private final int slotsPerBlock;
    private final PrefixCache prefixes;
    /** The blocks and their free slots, the oldest block first. */
    private final Map<KvBlock, BitSet> blocks = new LinkedHashMap<>();

    /**
     * @param slotsPerBlock the most slots of a block, at least 1. Rows of one block can share an attention call: use
     *                      the number of sequences that run together
     * @param prefixBytes   the part of the budget that cached prefixes may use while no sequence needs it; 0 disables
     *                      the prefix cache
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
        this(cache, new KvBudget(budgetBytes), DEFAULT_SLOTS_PER_BLOCK, 0);
    }

    /** Whether this many sequences of this length fit into the whole budget. Any thread may call. */
    public boolean canEverHold(int tokens, int sequences) {
        return bytes(tokens, sequences) <= budget.bytes();
    }

    private long bytes(int tokens, int sequences) {
        return sequences * cache.bytes(1, cache.capacityFor(tokens));
    }

    /**
     * Reserves a slot of {@code tokens} tokens for each sequence, or none if the budget does not have enough free
     * bytes. Frees unused blocks and cached prefixes as far as needed.
     *
     * @throws DecoderException if the device is out of memory although the budget is not; no slot is reserved
     */
    public Optional<List<KvSlot>> reserve(int tokens, int sequences) {
        int capacity = cache.capacityFor(tokens);
        freeUnused(missingBytes(capacity, sequences), block -> block.capacity() != capacity);
        if (missingBytes(capacity, sequences) > budget.free()) {
            return Optional.empty();
        }
        List<KvSlot> slots = new ArrayList<>();
        try {
            while (slots.size() < sequences) {
                Optional<KvSlot> slot = take(capacity);
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
        return take(cache.capacityFor(tokens));
    }

    /**
     * Releases a slot; its keys and values may be overwritten.
     *
     * @throws IllegalArgumentException if the slot does not belong to this pool, or the pool is closed
     */
    public void release(KvSlot slot) {
        BitSet free = blocks.get(slot.block());
        if (free == null) {
            throw new IllegalArgumentException("slot " + slot.index() + " is not of a block of this pool");
        }
        free.set(slot.index());
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

    /** Frees all blocks, also those with used slots. */
    @Override
    public void close() {
        List.copyOf(blocks.keySet()).forEach(this::free);
        prefixes.close();
    }

    /**
     * Frees blocks without sequences, then evicts cached prefixes, until {@code wantedBytes} of the budget are free or
     * nothing is left to free.
     */
    private void freeUnused(long wantedBytes, Predicate<KvBlock> which) {
        for (KvBlock block : List.copyOf(blocks.keySet())) {
            boolean unused = blocks.get(block).cardinality() == block.slots();
            if (unused && which.test(block) && budget.free() < wantedBytes) {
                free(block);
            }
        }
        prefixes.evict(wantedBytes - budget.free());
    }

    /** Bytes of the slots for which a block has to be allocated. */
    private long missingBytes(int capacity, int sequences) {
        long open = blocks.entrySet().stream()
                .filter(entry -> entry.getKey().capacity() == capacity)
                .mapToLong(entry -> entry.getValue().cardinality())
                .sum();
        return Math.max(0, sequences - open) * cache.bytes(1, capacity);
    }

    /** Takes the lowest free slot of the oldest block with one: contiguous slots need the fewest attention calls. */
    private Optional<KvSlot> take(int capacity) {
        return blocks.entrySet().stream()
                .filter(entry -> entry.getKey().capacity() == capacity
                        && !entry.getValue().isEmpty())
                .map(Map.Entry::getKey)
                .findFirst()
                .or(() -> allocate(capacity))
                .map(block -> {
                    int index = blocks.get(block).nextSetBit(0);
                    blocks.get(block).clear(index);
                    return block.slot(index);
                });
    }

    /** Allocates a block; empty if the budget does not have enough free bytes for one slot. */
    private Optional<KvBlock> allocate(int capacity) {
        long slotBytes = cache.bytes(1, capacity);
        if (budget.free() < slotBytes) {
            freeUnused(slotBytes, block -> true);
        }
        long most = Math.max(1, Math.min(budget.blockBytes(), budget.free()) / slotBytes);
        int slots = (int) Math.min(slotsPerBlock, most);
        if (!budget.tryReserve(slots * slotBytes)) {
            return Optional.empty();
        }
        try {
            KvBlock block = cache.allocate(slots, capacity);
            BitSet free = new BitSet();
            free.set(0, slots);
            blocks.put(block, free);
            return Optional.of(block);
        } catch (RuntimeException e) {
            budget.release(slots * slotBytes);
            throw e;
        }
    }

    private void free(KvBlock block) {
        blocks.remove(block);
        long bytes = cache.bytes(block.slots(), block.capacity());
        block.close();
        budget.release(bytes);
    }
}
