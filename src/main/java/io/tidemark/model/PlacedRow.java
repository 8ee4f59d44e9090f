package io.tidemark.model;

/** A row of a step and the index of its first token among all tokens of the step. */
record PlacedRow(StepRow row, int firstToken) {

    int tokens() {
        return row.tokens().size();
    }

    KvBlock block() {
        return row.slot().block();
    }
}
