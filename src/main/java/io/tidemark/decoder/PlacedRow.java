package io.tidemark.decoder;

import io.tidemark.decoder.kvcache.KvBlock;

/** A row of a step and the index of its first token among all tokens of the step. */
public record PlacedRow(StepRow row, int firstToken) {

    public int tokens() {
        return row.tokens().size();
    }

    public KvBlock block() {
        return row.slot().block();
    }
}
