package io.tidemark.model;

import io.tidemark.torch.Value;
import java.util.ArrayList;
import java.util.List;

/** Values that are closed together, once a list that shares their tensors exists. */
final class OpenValues implements AutoCloseable {

    private final List<Value> values = new ArrayList<>();

    Value add(Value value) {
        values.add(value);
        return value;
    }

    /** Leaves them open: someone else closes them. */
    void keep() {
        values.clear();
    }

    @Override
    public void close() {
        values.forEach(Value::close);
    }
}
