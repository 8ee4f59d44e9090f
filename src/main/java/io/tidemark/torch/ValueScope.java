package io.tidemark.torch;

import java.util.ArrayList;
import java.util.List;

/** Closes values together, for example when a list that shares their tensors has been created. Not thread-safe. */
public final class ValueScope implements AutoCloseable {

    private final List<Value> values = new ArrayList<>();

    /** Adds a value to be closed with this scope, and returns it. */
    public Value add(Value value) {
        values.add(value);
        return value;
    }

    /** Removes all values without closing them: their owner is another object. */
    public void release() {
        values.clear();
    }

    @Override
    public void close() {
        values.forEach(Value::close);
    }
}
