package io.tidemark.decoder.lora;

import static io.tidemark.decoder.script.DecoderMethod.NO_ADAPTER;

import io.tidemark.decoder.script.NativeHandle;
import io.tidemark.torch.Script;
import io.tidemark.torch.Value;
import java.util.Optional;

/** The weights of one adapter on the device. Must not be closed while a row uses them. Thread-safe. */
public final class LoraWeights implements AutoCloseable {

    private final Optional<Value> tensors;
    private final Optional<NativeHandle> handle;
    private final Optional<Value> overrides;
    private final boolean isPlain;
    private final long bytes;

    private LoraWeights(
            Optional<Value> tensors,
            Optional<NativeHandle> handle,
            Optional<Value> overrides,
            boolean isPlain,
            long bytes) {
        this.tensors = tensors;
        this.handle = handle;
        this.overrides = overrides;
        this.isPlain = isPlain;
        this.bytes = bytes;
    }

    /**
     * Weights in tensors of the script.
     *
     * @param tensors   see {@link #tensors}
     * @param overrides see {@link #overrides}
     * @param isPlain   see {@link #isPlain}
     * @param bytes     bytes of all tensors on the device
     */
    static LoraWeights inScript(Value tensors, Optional<Value> overrides, boolean isPlain, long bytes) {
        return new LoraWeights(Optional.of(tensors), Optional.empty(), overrides, isPlain, bytes);
    }

    /**
     * Weights in the native decoder.
     *
     * @param handle    the adapter in the native decoder
     * @param overrides see {@link #overrides}
     * @param bytes     bytes of the adapter and of the overrides
     */
    static LoraWeights inNativeDecoder(NativeHandle handle, Optional<Value> overrides, long bytes) {
        return new LoraWeights(Optional.empty(), Optional.of(handle), overrides, false, bytes);
    }

    /** A placeholder for steps without adapters. */
    public static LoraWeights none(Script script) {
        return inScript(script.call(NO_ADAPTER), Optional.empty(), false, 0);
    }

    /**
     * The LoRA of the blocks' linear modules: an {@code Adapter} of {@code weights.torchscript}. Not for the native
     * path.
     */
    public Value tensors() {
        return tensors.orElseThrow();
    }

    /** The number of the adapter in the native decoder; {@link NativeHandle#NONE} outside of the native path. */
    public long handle() {
        return handle.map(NativeHandle::number).orElse(NativeHandle.NONE);
    }

    /**
     * Embedding, head and norms as {@code Overrides} of {@code overrides.torchscript}; empty if all are the base
     * model's.
     */
    public Optional<Value> overrides() {
        return overrides;
    }

    /** Whether the adapter differs from the base model at every boundary, also at boundary 0. */
    public boolean hasOverrides() {
        return overrides.isPresent();
    }

    /** Whether {@link #tensors} has LoRA without DoRA and biases, which a {@link LoraStack} takes. */
    public boolean isPlain() {
        return isPlain;
    }

    /** Bytes on the device. */
    public long bytes() {
        return bytes;
    }

    @Override
    public synchronized void close() {
        overrides.ifPresent(Value::close);
        tensors.ifPresent(Value::close);
        handle.ifPresent(NativeHandle::close);
    }
}
