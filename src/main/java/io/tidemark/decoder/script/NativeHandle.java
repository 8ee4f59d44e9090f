package io.tidemark.decoder.script;

import static io.tidemark.decoder.script.DecoderMethod.NATIVE_CLOSE;

import io.tidemark.torch.Script;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;

/** An object of the native decoder, a block or an adapter. Must not be closed while a call uses it. Thread-safe. */
public final class NativeHandle implements AutoCloseable {

    /** The number that stands for no object. */
    public static final long NONE = 0;

    private final Torch torch;
    private final Script script;
    private final long number;
    private boolean closed;

    private NativeHandle(Torch torch, Script script, long number) {
        this.torch = torch;
        this.script = script;
        this.number = number;
    }

    /** Calls a method of the script that makes an object. */
    public static NativeHandle create(Torch torch, Script script, DecoderMethod method, Value... arguments) {
        try (Value result = script.call(method, arguments)) {
            return new NativeHandle(torch, script, result.toNumber());
        }
    }

    /** The number by which the native decoder names the object. */
    public long number() {
        return number;
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        try (Value handle = torch.number(number)) {
            script.call(NATIVE_CLOSE, handle).close();
        }
    }
}
