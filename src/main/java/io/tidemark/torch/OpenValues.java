package io.tidemark.torch;

import java.util.ArrayList;
import java.util.List;

/** Values that are closed together, once a list that shares their tensors exists. */
public final class OpenValues implements AutoCloseable {

    private final List<Value> values = new ArrayList<>();

    public Value add(Value value) {
        values.add(value);
        return value;
    }

    /** Leaves them open: someone else closes them. */
    public void keep() {
        values.clear();
    }

    @Override
    public void close() {
        values.forEach(Value::close);
    }
}
