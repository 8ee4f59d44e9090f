package io.tidemark.decoder;

import io.tidemark.torch.Value;

/** Hidden states {@code [count, rows, hidden]} of a {@link ForcedBatch} between two layers, on the device. */
public final class ForcedStates implements AutoCloseable {

    private final Value value;
    private final int count;

    public ForcedStates(Value value, int count) {
        this.value = value;
        this.count = count;
    }

    /** How many states, each of all tokens of the batch. */
    public int count() {
        return count;
    }

    public Value value() {
        return value;
    }

    @Override
    public void close() {
        value.close();
    }
}
