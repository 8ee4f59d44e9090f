package io.tidemark.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The memory of keys and values, under a budget in bytes. A sequence reserves room for its prompt and all tokens it may
 * generate; blocks of equal capacity are made as they are needed and given up when others need the bytes.
 *
 * <p>Belongs to one thread.
 */
public final class KvPool implements AutoCloseable {

    private static final int USUAL_SLOTS_PER_BLOCK = 8;
    /** A block takes at most this part of the budget, or one slot: a large one would lock out other sizes until it is empty. */
    private static final int BLOCKS_IN_BUDGET = 8;

    private static final System.Logger LOG = System.getLogger(KvPool.class.getName());

    private final Decoder decoder;
    private final KvLimits limits;
    private final KvSizes sizes;
    private final KvPrefixes prefixes;
    private final List<KvBlock> blocks = new ArrayList<>();
    private long blockBytes;

    public KvPool(Decoder decoder, KvLimits limits) {
        this.decoder = decoder;
        this.limits = limits;
        this.sizes = decoder.caches().sizes();
        this.prefixes = new KvPrefixes(decoder, limits.prefixBytes());
    }

    /** A pool that keeps no prefixes. */
    public KvPool(Decoder decoder, long budgetBytes) {
        this(decoder, new KvLimits(budgetBytes, USUAL_SLOTS_PER_BLOCK, 0));
    }

    /** Whether sequences of this length and number fit when nothing else runs. */
    public boolean canEverHold(int tokens, int sequences) {
        return sequences * sizes.bytes(1, sizes.capacityFor(tokens)) <= limits.bytes();
    }

    /** A slot for a sequence of up to {@code tokens} tokens; empty when the budget is taken now. */
    public Optional<KvSlot> reserve(int tokens) {
        int capacity = sizes.capacityFor(tokens);
        Optional<KvBlock> open = blocks.stream().filter(b -> b.capacity() == capacity && !b.isFull()).findFirst();
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

    /** Bytes that blocks hold, whether their slots are used or not, and kept prefixes. */
    public long reservedBytes() {
        return blockBytes + prefixes.bytes();
    }

    /** What is kept of prompts for others that begin alike. */
    public KvPrefixes prefixes() {
        return prefixes;
    }

    /**
     * Keeps what a slot holds of a prompt's first tokens for requests of the same owner that begin alike.
     *
     * @param tokens the tokens that the slot holds, from the first
     */
    public void keepPrefix(KvSlot slot, PrefixOwner owner, List<Integer> tokens) {
        prefixes.keep(slot, owner, tokens, freeBytes());
    }

    /**
     * Copies the first tokens of one slot into another of the same size.
     *
     * @throws DecoderFailed when libtorch could not copy them
     */
    public void copy(KvSlot from, KvSlot to, int tokens) {
        decoder.caches().copy(from, to, tokens);
    }

    @Override
    public void close() {
        blocks.forEach(KvBlock::close);
        blocks.clear();
        prefixes.close();
    }

    private Optional<KvBlock> newBlock(int capacity) {
        long slotBytes = sizes.bytes(1, capacity);
        if (freeBytes() < slotBytes) {
            giveUpEmptyBlocks(slotBytes);
        }
        if (freeBytes() < slotBytes) {
            prefixes.giveUp(slotBytes - freeBytes());
        }
        if (freeBytes() < slotBytes) {
            return Optional.empty();
        }
        long share = Math.max(slotBytes, Math.min(limits.bytes() / BLOCKS_IN_BUDGET, freeBytes()));
        int slots = (int) Math.min(limits.slotsPerBlock(), share / slotBytes);
        KvBlock block = decoder.caches().newBlock(slots, capacity, sizes.ringCapacity(capacity));
        blocks.add(block);
        blockBytes += sizes.bytes(slots, capacity);
        return Optional.of(block);
    }

    private void giveUpEmptyBlocks(long wantedBytes) {
        for (KvBlock block : List.copyOf(blocks)) {
            if (block.isEmpty() && freeBytes() < wantedBytes) {
                blocks.remove(block);
                blockBytes -= sizes.bytes(block.slots(), block.capacity());
                block.close();
            }
        }
    }

    private long freeBytes() {
        return limits.bytes() - reservedBytes();
    }
}
