package io.tidemark.model;

import io.tidemark.torch.Value;

/** Hidden states {@code [states, rows, hidden]} of a {@link ForcedBatch} between two layers, on the device. */
public final class ForcedStates implements AutoCloseable {

    private final Value value;

    ForcedStates(Value value) {
        this.value = value;
    }

    Value value() {
        return value;
    }

    @Override
    public void close() {
        value.close();
    }
}
