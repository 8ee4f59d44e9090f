package io.tidemark.decoder.kvcache;

import io.tidemark.decoder.attention.AttentionTiles;
import io.tidemark.model.ModelConfig;
import java.util.OptionalInt;

/**
 * How many tokens a slot holds, and what it takes. A layer with a window keeps its tokens in a ring: once a sequence is
 * longer than the ring, new tokens take the places of those that the window no longer sees.
 */
final class KvSizes {

    private final ModelConfig config;
    private final long bytesPerToken;
    private final AttentionTiles tiles;
    private final int windowedLayers;

    /** @param bytesPerToken what a token takes where no layer has a window */
    KvSizes(ModelConfig config, long bytesPerToken, AttentionTiles tiles) {
        this.config = config;
        this.bytesPerToken = bytesPerToken;
        this.tiles = tiles;
        this.windowedLayers =
                (int) config.windows().stream().filter(OptionalInt::isPresent).count();
    }

    /**
     * Tokens of a slot for sequences of this length, in whole tiles: powers of two and the middles between them, so that
     * beyond two tiles at most a third of a slot stays unused. Where every layer has a window, never more than the ring.
     */
    int capacityFor(int tokens) {
        if (windowedLayers == config.numLayers()) {
            return tiles.ringCapacity(stepped(tokens));
        }
        return stepped(tokens);
    }

    /** Tokens that a layer with a window holds in a slot of this capacity. */
    int ringCapacity(int capacity) {
        return tiles.ringCapacity(capacity);
    }

    /** Bytes of so many slots. */
    long bytes(int slots, int capacity) {
        long tokens = (long) (config.numLayers() - windowedLayers) * capacity
                + (long) windowedLayers * ringCapacity(capacity);
        return slots * (bytesPerToken / config.numLayers()) * tokens;
    }

    private int stepped(int tokens) {
        int capacity = AttentionTiles.TILE;
        while (capacity < tokens) {
            boolean doubling = capacity == AttentionTiles.TILE || Integer.bitCount(capacity) > 1;
            capacity = doubling ? Integer.highestOneBit(capacity) * 2 : capacity / 2 * 3;
        }
        return Math.max(
                AttentionTiles.roundedUp(tokens), Math.min(capacity, AttentionTiles.roundedUp(config.contextLength())));
    }
}
