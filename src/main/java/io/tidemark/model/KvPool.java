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

    private static final int SLOTS_PER_BLOCK = 8;
    /** A block takes at most this part of the budget, or one slot: a large one would lock out other sizes until it is empty. */
    private static final int BLOCKS_IN_BUDGET = 8;

    private static final System.Logger LOG = System.getLogger(KvPool.class.getName());

    private final Decoder decoder;
    private final long budgetBytes;
    private final List<KvBlock> blocks = new ArrayList<>();
    private long reservedBytes;

    public KvPool(Decoder decoder, long budgetBytes) {
        this.decoder = decoder;
        this.budgetBytes = budgetBytes;
    }

    /** Whether sequences of this length and number fit when nothing else runs. */
    public boolean canEverHold(int tokens, int sequences) {
        return sequences * bytes(1, capacityFor(tokens)) <= budgetBytes;
    }

    /** A slot for a sequence of up to {@code tokens} tokens; empty when the budget is taken now. */
    public Optional<KvSlot> reserve(int tokens) {
        int capacity = capacityFor(tokens);
        Optional<KvBlock> open = blocks.stream().filter(b -> b.capacity() == capacity && !b.isFull()).findFirst();
        return open.or(() -> newBlock(capacity)).map(KvBlock::take);
    }

    public void release(KvSlot slot) {
        slot.block().release(slot);
    }

    /** Like {@link #release}, for a slot that holds values that are not finite: masked attention would still read them. */
    public void releaseSpoilt(KvSlot slot) {
        try {
            decoder.clear(slot);
            release(slot);
        } catch (DecoderFailed e) {
            LOG.log(System.Logger.Level.WARNING, "a slot that could not be wiped is given up", e);
        }
    }

    /** Bytes that blocks hold, whether their slots are used or not. */
    public long reservedBytes() {
        return reservedBytes;
    }

    @Override
    public void close() {
        blocks.forEach(KvBlock::close);
        blocks.clear();
    }

    private Optional<KvBlock> newBlock(int capacity) {
        long slotBytes = bytes(1, capacity);
        if (budgetBytes - reservedBytes < slotBytes) {
            giveUpEmptyBlocks(slotBytes);
        }
        if (budgetBytes - reservedBytes < slotBytes) {
            return Optional.empty();
        }
        long share = Math.max(slotBytes, Math.min(budgetBytes / BLOCKS_IN_BUDGET, budgetBytes - reservedBytes));
        int slots = (int) Math.min(SLOTS_PER_BLOCK, share / slotBytes);
        KvBlock block = decoder.newBlock(slots, capacity);
        blocks.add(block);
        reservedBytes += bytes(slots, capacity);
        return Optional.of(block);
    }

    private void giveUpEmptyBlocks(long wantedBytes) {
        for (KvBlock block : List.copyOf(blocks)) {
            if (block.isEmpty() && budgetBytes - reservedBytes < wantedBytes) {
                blocks.remove(block);
                reservedBytes -= bytes(block.slots(), block.capacity());
                block.close();
            }
        }
    }

    private long bytes(int slots, int capacity) {
        return slots * (long) capacity * decoder.config().kvBytesPerToken();
    }

    /** Whole tiles: powers of two and the middles between them, so that beyond two tiles at most a third of a slot stays unused. */
    private int capacityFor(int tokens) {
        int capacity = AttentionTiles.TILE;
        while (capacity < tokens) {
            boolean doubling = capacity == AttentionTiles.TILE || Integer.bitCount(capacity) > 1;
            capacity = doubling ? Integer.highestOneBit(capacity) * 2 : capacity / 2 * 3;
        }
        return Math.max(AttentionTiles.roundedUp(tokens), Math.min(capacity, AttentionTiles.roundedUp(decoder.config().contextLength())));
    }
}
