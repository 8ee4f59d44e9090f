package io.tidemark.decoder;

import io.tidemark.torch.Value;

/**
 * Hidden states {@code [count, rows, hidden]} of a {@link TeacherForcedBatch} between two layers, on the device. A
 * {@link ForcedPass} replaces those before a layer by those after it.
 */
public final class HiddenStates implements AutoCloseable {

    private final int count;
    private Value value;

    HiddenStates(Value value, int count) {
        this.value = value;
        this.count = count;
    }

    /** The number of states; each has all rows of the batch. */
    public int count() {
        return count;
    }

    Value value() {
        return value;
    }

    void replace(Value next) {
        value.close();
        value = next;
    }

    @Override
    public void close() {
        value.close();
    }
}
