package io.tidemark.decoder.lora;

import static io.tidemark.decoder.script.DecoderMethod.NO_ADAPTER;

import io.tidemark.decoder.script.NativeHandle;
import io.tidemark.torch.Script;
import io.tidemark.torch.Value;
import java.util.List;
import java.util.Optional;

/** The weights of one adapter on the device. Must not be closed while a row uses them. Thread-safe. */
public final class LoraWeights implements AutoCloseable {

    private final Optional<Value> tensors;
    private final Optional<NativeHandle> handle;
    private final boolean plain;
    private final Optional<Value> overrides;
    private final Optional<PackedLoraGroup> packed;
    private final long bytes;
    private volatile boolean closed;

    private LoraWeights(
            Optional<Value> tensors,
            Optional<NativeHandle> handle,
            boolean plain,
            Optional<Value> overrides,
            Optional<Value> packed,
            long packedBytes,
            long bytes) {
        this.tensors = tensors;
        this.handle = handle;
        this.plain = plain;
        this.overrides = overrides;
        this.packed = packed.map(value -> new PackedLoraGroup(List.of(this), value, packedBytes));
        this.bytes = bytes;
    }

    /**
     * Weights in tensors of the script.
     *
     * @param tensors     see {@link #tensors}
     * @param plain       see {@link #isPlain}
     * @param overrides   see {@link #overrides}
     * @param packed      the layers as a packed group with this adapter only, if the decoder uses packed groups
     * @param packedBytes bytes of the packed group
     * @param bytes       bytes of all tensors on the device
     */
    static LoraWeights inScript(
            Value tensors,
            boolean plain,
            Optional<Value> overrides,
            Optional<Value> packed,
            long packedBytes,
            long bytes) {
        return new LoraWeights(Optional.of(tensors), Optional.empty(), plain, overrides, packed, packedBytes, bytes);
    }

    /**
     * Weights in the native decoder.
     *
     * @param handle    of the adapter
     * @param plain     see {@link #isPlain}
     * @param overrides see {@link #overrides}
     * @param bytes     bytes of the adapter and of the overrides
     */
    static LoraWeights inNativeDecoder(NativeHandle handle, boolean plain, Optional<Value> overrides, long bytes) {
        return new LoraWeights(Optional.empty(), Optional.of(handle), plain, overrides, Optional.empty(), 0, bytes);
    }

    /** A placeholder for steps without adapters. */
    public static LoraWeights none(Script script) {
        return inScript(script.call(NO_ADAPTER), true, Optional.empty(), Optional.empty(), 0, 0);
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

    /** Whether no module has a magnitude or a bias. */
    public boolean isPlain() {
        return plain;
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

    /** Bytes on the device. */
    public long bytes() {
        return bytes;
    }

    /** The packed group with this adapter only; empty if the decoder does not use packed groups. */
    Optional<PackedLoraGroup> packed() {
        return packed;
    }

    boolean isClosed() {
        return closed;
    }

    @Override
    public synchronized void close() {
        closed = true;
        overrides.ifPresent(Value::close);
        packed.ifPresent(PackedLoraGroup::close);
        tensors.ifPresent(Value::close);
        handle.ifPresent(NativeHandle::close);
    }
}
