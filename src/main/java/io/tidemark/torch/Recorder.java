package io.tidemark.torch;

import java.util.List;

/** Receives all calls and values between Java and libtorch. The default methods do nothing. Any thread may call. */
interface Recorder {

    /** Records nothing. */
    Recorder NONE = new Recorder() {};

    /** A script was loaded. */
    default void loaded(Script script, String name, byte[] archive) {}

    /**
     * A value was created from Java values.
     *
     * @param kind    {@code uint8}, {@code host_uint8} on the CPU, {@code int64}, {@code float32} or {@code float64}
     *                for tensors, otherwise {@code literal}
     * @param content a byte buffer, an array, a number, a boolean or a list of arrays
     */
    default void created(Value value, String kind, Object content) {}

    /** A list was created from values. */
    default void listed(Value list, List<Value> members) {}

    /** A method of a script was called. */
    default void called(Value result, Script script, String method, List<Value> arguments) {}

    /** The members of a list were extracted. */
    default void members(Value list, List<Value> members) {}

    /** Java read the content of a value. */
    default void read(Value value, String kind, Object content) {}

    /** A value was closed. */
    default void closed(Value value) {}

    /** The recording ends. */
    default void end() {}
}
