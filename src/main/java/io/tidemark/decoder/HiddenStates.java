package io.tidemark.decoder;

import io.tidemark.torch.Value;

/** Hidden states {@code [count, rows, hidden]} of a {@link TeacherForcedBatch} between two layers, on the device. */
public final class HiddenStates implements AutoCloseable {

    private final Value value;
    private final int count;

    HiddenStates(Value value, int count) {
        this.value = value;
        this.count = count;
    }

    /** The number of states; each has all tokens of the batch. */
    public int count() {
        return count;
    }

    Value value() {
        return value;
    }

    @Override
    public void close() {
        value.close();
    }
}
