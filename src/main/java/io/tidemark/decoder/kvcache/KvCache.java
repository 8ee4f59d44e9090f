package io.tidemark.decoder.kvcache;

import static io.tidemark.decoder.script.DecoderMethod.CLEAR_SLOT;
import static io.tidemark.decoder.script.DecoderMethod.COPY_SLOT;
import static io.tidemark.decoder.script.DecoderMethod.COPY_TOKENS;
import static io.tidemark.decoder.script.DecoderMethod.FILL_SLOT;
import static io.tidemark.decoder.script.DecoderMethod.IS_FINITE;
import static io.tidemark.decoder.script.DecoderMethod.KV_TOKEN_BYTES;
import static io.tidemark.decoder.script.DecoderMethod.NATIVE_BLOCK;
import static io.tidemark.decoder.script.DecoderMethod.NEW_CACHE;

import io.tidemark.decoder.script.DecoderException;
import io.tidemark.decoder.script.DecoderMethod;
import io.tidemark.decoder.script.NativeHandle;
import io.tidemark.model.ModelConfig;
import io.tidemark.torch.Script;
import io.tidemark.torch.ScriptException;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Allocates blocks of the KV cache on the device, copies, fills and clears slots, and computes their sizes. A layer
 * with a sliding window stores its tokens in a ring buffer: once a sequence is longer than the ring, new tokens
 * overwrite tokens that the window no longer covers.
 *
 * <p>Stateless. Calls from several threads are safe if no two of them use the same slot.
 */
public final class KvCache {

    /** Capacities are multiples of this many tokens. */
    public static final int TILE = 64;

    /** A ring holds at least this many tokens more than the window, so that a call may have as many queries. */
    private static final int RING_QUERIES = 256;

    private final Torch torch;
    private final Script script;
    private final ModelConfig config;
    private final int windowedLayers;
    private final long layerBytesPerToken;
    private final boolean isNative;

    /**
     * @param script   the decoder's script
     * @param isNative whether the native decoder reads and writes the blocks
     */
    public KvCache(Torch torch, Script script, ModelConfig config, boolean isNative) {
        this.torch = torch;
        this.script = script;
        this.config = config;
        this.windowedLayers =
                (int) config.windows().stream().filter(OptionalInt::isPresent).count();
        this.isNative = isNative;
        try (Value bytes = call(KV_TOKEN_BYTES)) {
            this.layerBytesPerToken = bytes.toNumber();
        }
    }

    /** {@code tokens}, rounded up to a multiple of {@link #TILE}. */
    public static int roundUp(int tokens) {
        return Math.floorDiv(tokens + TILE - 1, TILE) * TILE;
    }

    /** Bytes of the keys and values of one token in all layers, if all layers store it. */
    public long bytesPerToken() {
        return config.numLayers() * layerBytesPerToken;
    }

    /**
     * The capacity of a slot for sequences of this length. Capacities are powers of two and the means of two successive
     * ones, so that above two tiles at most a third of a slot stays unused. If every layer has a window, the capacity
     * is at most that of the ring.
     */
    int capacityFor(int tokens) {
        int capacity = TILE;
        while (capacity < tokens) {
            boolean doubles = capacity == TILE || Integer.bitCount(capacity) > 1;
            capacity = doubles ? Integer.highestOneBit(capacity) * 2 : capacity / 2 * 3;
        }
        capacity = Math.max(roundUp(tokens), Math.min(capacity, roundUp(config.contextLength())));
        return windowedLayers == config.numLayers() ? ringCapacity(capacity) : capacity;
    }

    /** Tokens that a layer with a window stores in a slot of this capacity. */
    int ringCapacity(int capacity) {
        OptionalInt window = config.window();
        return window.isPresent() ? Math.min(capacity, roundUp(window.getAsInt() + RING_QUERIES)) : capacity;
    }

    /** Bytes of this many slots. */
    long bytes(int slots, int capacity) {
        long tokens = (long) (config.numLayers() - windowedLayers) * capacity
                + (long) windowedLayers * ringCapacity(capacity);
        return slots * layerBytesPerToken * tokens;
    }

    /** @throws DecoderException if the device is out of memory */
    KvBlock allocate(int slots, int capacity) {
        int ringCapacity = ringCapacity(capacity);
        try (Value like = torch.floats(0);
                Value count = torch.number(slots);
                Value length = torch.number(capacity);
                Value ring = torch.number(ringCapacity)) {
            Value cache = call(NEW_CACHE, like, count, length, ring);
            try {
                Optional<NativeHandle> handle = isNative
                        ? Optional.of(NativeHandle.create(torch, script, NATIVE_BLOCK, cache, count, length, ring))
                        : Optional.empty();
                return new KvBlock(cache, handle, slots, capacity, ringCapacity);
            } catch (RuntimeException e) {
                cache.close();
                throw e instanceof ScriptException failure ? new DecoderException(failure) : e;
            }
        }
    }

    /** A copy of the tokens {@code from .. to-1} of a slot; empty if any of their values is not finite. */
    Optional<Value> copyOf(KvSlot slot, int from, int to) {
        try (Value index = torch.number(slot.index());
                Value start = torch.number(from);
                Value end = torch.number(to)) {
            Value copy = call(COPY_TOKENS, slot.block().cache(), index, start, end);
            try (Value finite = call(IS_FINITE, copy)) {
                if (finite.toFlag()) {
                    return Optional.of(copy);
                }
            }
            copy.close();
            return Optional.empty();
        }
    }

    /** Writes copies made by {@link #copyOf}, in this order, to the beginning of a slot. */
    void fill(KvSlot slot, List<Value> copies) {
        try (Value index = torch.number(slot.index());
                Value list = torch.list(copies)) {
            call(FILL_SLOT, slot.block().cache(), index, list).close();
        }
    }

    /** Copies the first {@code tokens} tokens of a slot, or those of them that a ring still holds. */
    void copy(KvSlot from, KvSlot to, int tokens) {
        try (Value source = torch.number(from.index());
                Value target = torch.number(to.index());
                Value length = torch.number(tokens)) {
            call(COPY_SLOT, from.block().cache(), source, to.block().cache(), target, length)
                    .close();
        }
    }

    /** Sets a slot to zero. */
    void clear(KvSlot slot) {
        try (Value index = torch.number(slot.index())) {
            call(CLEAR_SLOT, slot.block().cache(), index).close();
        }
    }

    private Value call(DecoderMethod method, Value... arguments) {
        try {
            return script.call(method, arguments);
        } catch (ScriptException e) {
            throw new DecoderException(e);
        }
    }
}
