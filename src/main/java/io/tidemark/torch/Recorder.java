package io.tidemark.torch;

import java.util.List;

/** Hears of all that passes between Java and libtorch, so that it can be repeated on another machine. */
interface Recorder {

    /** Hears nothing. */
    Recorder NONE = new Recorder() {};

    /** A script was loaded. */
    default void loaded(Script script, String name, byte[] archive) {}

    /**
     * A value was made from Java's numbers.
     *
     * @param kind    {@code uint8}, {@code int64}, {@code float32} or {@code float64} for tensors, {@code literal} for the rest
     * @param content a byte buffer, an array, a number, a flag or a list of arrays
     */
    default void made(Value value, String kind, Object content) {}

    default void listed(Value list, List<Value> members) {}

    default void called(Value result, Script script, String method, List<Value> arguments) {}

    /** A list was taken apart. */
    default void members(Value list, List<Value> members) {}

    /** Java looked at a value. */
    default void read(Value value, String kind, Object content) {}

    default void closed(Value value) {}

    /** No more will come. */
    default void end() {}
}
