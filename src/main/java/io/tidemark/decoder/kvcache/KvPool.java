package io.tidemark.decoder.kvcache;

import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.DecoderFailed;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * The keys and values of the sequences that run in one engine instance. A sequence reserves room for its prompt and all tokens
 * it may generate; blocks of equal capacity are made as they are needed. Several pools can share one budget.
 *
 * <p>Belongs to one thread.
 */
public final class KvPool implements AutoCloseable {

    private static final int USUAL_SLOTS_PER_BLOCK = 8;

    private static final System.Logger LOG = System.getLogger(KvPool.class.getName());

    private final Decoder decoder;
    private final KvBudget budget;
    private final int slotsPerBlock;
    private final KvSizes sizes;
    private final KvPrefixes prefixes;
    private final List<KvBlock> blocks = new ArrayList<>();

    /**
     * @param slotsPerBlock the most slots of a block, 1 or more: rows of one block can share an attention call, so as many as
     *                      run together is best
     * @param prefixBytes   the part of the budget that kept prefixes of this pool may take while no sequence needs it; 0 keeps none
     */
    public KvPool(Decoder decoder, KvBudget budget, int slotsPerBlock, long prefixBytes) {
        if (slotsPerBlock < 1 || prefixBytes < 0) {
            throw new IllegalArgumentException(
                    "slotsPerBlock must be at least 1, prefixBytes at least 0: " + slotsPerBlock + ", " + prefixBytes);
        }
        this.decoder = decoder;
        this.budget = budget;
        this.slotsPerBlock = slotsPerBlock;
        this.sizes = decoder.caches().sizes();
        this.prefixes = new KvPrefixes(decoder, budget, prefixBytes);
    }

    /** A pool with a budget of its own that keeps no prefixes. */
    public KvPool(Decoder decoder, long budgetBytes) {
        this(decoder, new KvBudget(budgetBytes, 1), USUAL_SLOTS_PER_BLOCK, 0);
    }

    /** Whether sequences of this length and number fit when nothing else runs. */
    public boolean canEverHold(int tokens, int sequences) {
        return bytes(tokens, sequences) <= budget.bytes();
    }

    /** What sequences of this length and number take, in bytes. */
    public long bytes(int tokens, int sequences) {
        return sequences * sizes.bytes(1, sizes.capacityFor(tokens));
    }

    /**
     * A slot for each of some sequences of up to {@code tokens} tokens, or none at all when the budget is taken now.
     *
     * @throws DecoderFailed when the device has no memory although the budget allows it; nothing is held then
     */
    public Optional<List<KvSlot>> reserve(int tokens, int sequences) {
        int capacity = sizes.capacityFor(tokens);
        long open = blocks.stream()
                .filter(block -> block.capacity() == capacity)
                .mapToLong(KvBlock::freeSlots)
                .sum();
        long missing = Math.max(0, sequences - open) * sizes.bytes(1, capacity);
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
        } catch (DecoderFailed e) {
            slots.forEach(this::release);
            throw e;
        }
    }

    /** A slot for a sequence of up to {@code tokens} tokens; empty when the budget is taken now. */
    public Optional<KvSlot> reserve(int tokens) {
        int capacity = sizes.capacityFor(tokens);
        Optional<KvBlock> open = blocks.stream()
                .filter(b -> b.capacity() == capacity && !b.isFull())
                .findFirst();
        return open.or(() -> newBlock(capacity)).map(KvBlock::take);
    }

    /** Gives a slot back; its keys and values may be overwritten from now on. */
    public void release(KvSlot slot) {
        slot.block().release(slot);
    }

    /** Like {@link #release}, for a slot that holds values that are not finite: masked attention would still read them. */
    public void releaseSpoilt(KvSlot slot) {
        try {
            decoder.caches().clear(slot);
            release(slot);
        } catch (DecoderFailed e) {
            LOG.log(System.Logger.Level.WARNING, "a slot that could not be wiped is given up", e);
        }
    }

    /** Bytes that the blocks hold, whether their slots are used or not, and kept prefixes. */
    public long reservedBytes() {
        return blocks.stream().mapToLong(this::bytes).sum() + prefixes.bytes();
    }

    /** What is kept of prompts for others that begin alike. */
    public KvPrefixes prefixes() {
        return prefixes;
    }

    /**
     * Copies the first tokens of one slot into another of the same size.
     *
     * @throws DecoderFailed when libtorch could not copy them
     */
    public void copy(KvSlot from, KvSlot to, int tokens) {
        decoder.caches().copy(from, to, tokens);
    }

    /**
     * Frees blocks without sequences, then kept prefixes, until the budget has so many bytes free or nothing is left to free.
     *
     * @return whether something was freed
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
        prefixes.giveUp(wantedBytes - budget.free());
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
        long slotBytes = sizes.bytes(1, capacity);
        if (budget.free() < slotBytes) {
            freeUnused(slotBytes);
        }
        long share = Math.max(slotBytes, Math.min(budget.blockBytes(), budget.free()));
        int slots = (int) Math.min(slotsPerBlock, share / slotBytes);
        // Another pool may take what was free a moment ago.
        while (!budget.tryReserve(sizes.bytes(slots, capacity))) {
            if (slots == 1) {
                return Optional.empty();
            }
            slots = 1;
        }
        try {
            KvBlock block = decoder.caches().newBlock(slots, capacity, sizes.ringCapacity(capacity));
            blocks.add(block);
            return Optional.of(block);
        } catch (RuntimeException e) {
            budget.release(sizes.bytes(slots, capacity));
            throw e;
        }
    }

    private long bytes(KvBlock block) {
        return sizes.bytes(block.slots(), block.capacity());
    }
}
