package io.tidemark.decoder.kvcache;

import io.tidemark.decoder.DecoderFailed;
import io.tidemark.decoder.DecoderParts;
import io.tidemark.decoder.attention.AttentionTiles;
import io.tidemark.torch.ScriptFailed;
import io.tidemark.torch.Value;
import java.util.List;
import java.util.Optional;

/**
 * The memory of keys and values on the device: makes blocks, and copies, fills and clears what slots hold. Has no state;
 * calls from several threads are safe as long as no two of them touch the same slot.
 */
public final class KvCaches {

    private final DecoderParts parts;
    private final AttentionTiles tiles;
    private final long bytesPerToken;

    public KvCaches(DecoderParts parts, AttentionTiles tiles) {
        this.parts = parts;
        this.tiles = tiles;
        try (Value bytes = call("cache_bytes")) {
            this.bytesPerToken = parts.config().kvNumbersPerToken() * bytes.toNumber();
        }
    }

    /** What a token takes where no layer has a window. */
    public long bytesPerToken() {
        return bytesPerToken;
    }

    public KvSizes sizes() {
        return new KvSizes(parts.config(), bytesPerToken, tiles);
    }

    public KvBlock newBlock(int slots, int capacity, int ringCapacity) {
        try (Value like = parts.torch().floats(0);
                Value count = parts.torch().number(slots);
                Value length = parts.torch().number(capacity);
                Value ring = parts.torch().number(ringCapacity)) {
            return new KvBlock(call("cache", like, count, length, ring), slots, capacity, ringCapacity);
        }
    }

    /** A copy of the tokens {@code from .. to-1} of a slot; empty when they are not all finite. */
    public Optional<Value> piece(KvSlot slot, int from, int to) {
        try (Value index = parts.torch().number(slot.index());
                Value start = parts.torch().number(from);
                Value end = parts.torch().number(to)) {
            Value piece = call("piece", slot.block().cache(), index, start, end);
            try (Value finite = call("is_finite", piece)) {
                if (finite.toFlag()) {
                    return Optional.of(piece);
                }
            }
            piece.close();
            return Optional.empty();
        }
    }

    /** Puts pieces, one behind the other, at the beginning of a slot. */
    public void fill(KvSlot slot, List<Value> pieces) {
        try (Value index = parts.torch().number(slot.index());
                Value list = parts.torch().list(pieces)) {
            call("fill", slot.block().cache(), index, list).close();
        }
    }

    /** Copies the first tokens of a slot, or what a ring still holds of them. */
    public void copy(KvSlot from, KvSlot to, int tokens) {
        try (Value source = parts.torch().number(from.index());
                Value target = parts.torch().number(to.index());
                Value length = parts.torch().number(tokens)) {
            call("copy_slot", from.block().cache(), source, to.block().cache(), target, length)
                    .close();
        }
    }

    public void clear(KvSlot slot) {
        try (Value index = parts.torch().number(slot.index())) {
            call("clear", slot.block().cache(), index).close();
        }
    }

    private Value call(String method, Value... arguments) {
        try {
            return parts.script().call(method, arguments);
        } catch (ScriptFailed e) {
            throw new DecoderFailed(e);
        }
    }
}
