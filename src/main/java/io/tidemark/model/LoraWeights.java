package io.tidemark.model;

import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.util.List;
import java.util.Optional;

/** The device tensors of one adapter, laid out as the decoder takes them. Must not be closed while a row uses it. */
public final class LoraWeights implements AutoCloseable {

    private final Value tensors;
    private final boolean plain;
    private final Optional<Value> own;
    private final long layerBytes;
    private final long bytes;
    private volatile boolean closed;

    /**
     * @param plain whether no module has a factor or a shift
     * @param layerBytes the memory that the layers' tensors take on the device
     * @param bytes      the memory that all tensors take there
     */
    LoraWeights(Value tensors, boolean plain, Optional<Value> own, long layerBytes, long bytes) {
        this.tensors = tensors;
        this.plain = plain;
        this.own = own;
        this.layerBytes = layerBytes;
        this.bytes = bytes;
    }

    /** Weights that no layer looks at. */
    static LoraWeights none(Torch torch) {
        try (Value empty = torch.floats()) {
            return new LoraWeights(torch.list(List.of(empty)), true, Optional.empty(), 0, 0);
        }
    }

    /** Whether there are but eight tensors a layer; else eight more a layer follow, factor and shift {@code [out]} of each. */
    boolean isPlain() {
        return plain;
    }

    /** Eight tensors a layer: A {@code [in, parts * rank]} and B {@code [rank, sum of out]} of the parts q+k+v, of o, of gate+up and of down. */
    Value tensors() {
        return tensors;
    }

    /** The memory that they take on the device. */
    public long bytes() {
        return bytes;
    }

    /** At most what they take in a stack: a byte a number in place of four, and no more than as many zeros between B's parts. */
    long stackedBytes() {
        return layerBytes / 2;
    }

    /** Whether the adapter differs from the base beside the layers' LoRA, and so at boundary 0 too. */
    public boolean hasOwnParts() {
        return own.isPresent();
    }

    /** Embedding, head and norms as {@code outer.torchscript} lists them; empty where all are the base's. */
    Optional<Value> own() {
        return own;
    }

    /** Whether no row may use it any more. */
    boolean isClosed() {
        return closed;
    }

    @Override
    public synchronized void close() {
        closed = true;
        own.ifPresent(Value::close);
        tensors.close();
    }
}
