package io.tidemark.decoder.kvcache;

import io.tidemark.decoder.script.DecoderException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * The KV slots of one engine instance. A sequence reserves a slot for its prompt and all tokens that it may generate.
 * Blocks of slots with equal capacity are allocated on demand by {@link KvBlocks}, which may serve two pools. Several
 * pools can share one budget.
 *
 * <p>Not thread-safe: belongs to the thread that runs the turn of its engine instance.
 */
public final class KvPool implements AutoCloseable {

    private static final int DEFAULT_SLOTS_PER_BLOCK = 8;

    private static final System.Logger LOG = System.getLogger(KvPool.class.getName());

    private final KvBlocks blocks;
    private final int index;
    private final KvCache cache;
    private final KvBudget budget;
    private final int slotsPerBlock;
    private final PrefixCache prefixes;
    /** By block, in the order in which they were taken. */
    private final Map<KvBlock, KvSlotRange> ranges = new LinkedHashMap<>();

    /** @param index index of the pool among those of the blocks */
    KvPool(KvBlocks blocks, int index, int slotsPerBlock, long prefixBytes) {
        if (slotsPerBlock < 1 || prefixBytes < 0) {
            throw new IllegalArgumentException(
                    "slotsPerBlock must be at least 1, prefixBytes at least 0: " + slotsPerBlock + ", " + prefixBytes);
        }
        this.blocks = blocks;
        this.index = index;
        this.cache = blocks.cache();
        this.budget = blocks.budget();
        this.slotsPerBlock = slotsPerBlock;
        this.prefixes = new PrefixCache(cache, budget, prefixBytes);
    }

    /** A pool with its own budget and without a prefix cache. */
    public KvPool(KvCache cache, long budgetBytes) {
        this(new KvBlocks(cache, new KvBudget(budgetBytes, 1), 1), 0, DEFAULT_SLOTS_PER_BLOCK, 0);
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
        if (!makeFree(capacity, sequences)) {
            return Optional.empty();
        }
        List<KvSlot> slots = new ArrayList<>();
        try {
            while (slots.size() < sequences) {
                Optional<KvSlot> slot = take(capacity, sequences - slots.size());
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
        return take(cache.capacityFor(tokens), 1);
    }

    /**
     * Releases a slot; its keys and values may be overwritten.
     *
     * @throws IllegalArgumentException if the slot does not belong to this pool, or the pool is closed
     */
    public void release(KvSlot slot) {
        KvSlotRange range = ranges.get(slot.block());
        if (range == null) {
            throw new IllegalArgumentException("slot " + slot.index() + " is not of a block of this pool");
        }
        range.release(slot);
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

    /**
     * Gives back blocks without sequences, then evicts cached prefixes, until {@code wantedBytes} of the budget are
     * free or nothing is left to free. A block stays allocated while another pool has its other half.
     *
     * @return whether bytes of the budget were freed
     */
    public boolean freeUnused(long wantedBytes) {
        return freeUnused(wantedBytes, range -> true);
    }

    private boolean freeUnused(long wantedBytes, Predicate<KvSlotRange> which) {
        long freed = prefixes.bytes();
        for (KvSlotRange range : List.copyOf(ranges.values())) {
            if (range.isEmpty() && which.test(range) && budget.free() < wantedBytes) {
                freed += giveBack(range);
            }
        }
        prefixes.evict(wantedBytes - budget.free());
        return freed > prefixes.bytes();
    }

    /** Gives back all slots, also used ones. Another pool of the same blocks keeps its own. */
    @Override
    public void close() {
        List.copyOf(ranges.values()).forEach(this::giveBack);
        prefixes.close();
    }

    /**
     * Frees unused memory until this many slots can be taken; returns whether they can. After false, this pool has no
     * half of a block without sequences, so that it does not keep the block of another pool allocated.
     */
    private boolean makeFree(int capacity, int sequences) {
        freeUnused(missingBytes(capacity, sequences), range -> range.capacity() != capacity);
        if (missingBytes(capacity, sequences) > budget.free()) {
            // the other half of such a block is of no use to this pool
            List.copyOf(ranges.values()).stream()
                    .filter(range -> range.isHalf() && range.isEmpty())
                    .forEach(this::giveBack);
            prefixes.evict(missingBytes(capacity, sequences) - budget.free());
        }
        return missingBytes(capacity, sequences) <= budget.free();
    }

    /** Bytes of the slots for which a block has to be allocated. */
    private long missingBytes(int capacity, int sequences) {
        long open = blocks.untakenSlots(index, capacity)
                + ranges.values().stream()
                        .filter(range -> range.capacity() == capacity)
                        .mapToLong(KvSlotRange::freeSlots)
                        .sum();
        return Math.max(0, sequences - open) * cache.bytes(1, capacity);
    }

    /** @param sequences how many slots of this capacity are about to be taken, this one included */
    private Optional<KvSlot> take(int capacity, int sequences) {
        return ranges.values().stream()
                .filter(range -> range.capacity() == capacity && !range.isFull())
                .findFirst()
                .or(() -> newRange(capacity, sequences))
                .map(KvSlotRange::take);
    }

    private Optional<KvSlotRange> newRange(int capacity, int sequences) {
        Optional<KvSlotRange> range = blocks.takeUntaken(index, capacity);
        if (range.isEmpty()) {
            long slotBytes = cache.bytes(1, capacity);
            if (budget.free() < slotBytes) {
                freeUnused(slotBytes);
            }
            range = blocks.allocate(index, capacity, slotsPerBlock, sequences);
        }
        range.ifPresent(taken -> ranges.put(taken.block(), taken));
        return range;
    }

    private long giveBack(KvSlotRange range) {
        ranges.remove(range.block());
        return blocks.giveBack(range);
    }
}
