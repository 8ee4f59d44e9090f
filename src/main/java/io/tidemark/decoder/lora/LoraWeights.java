package io.tidemark.decoder.lora;

import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.util.List;
import java.util.Optional;

/** The device tensors of one adapter, laid out as the decoder takes them. Must not be closed while a row uses it. */
public final class LoraWeights implements AutoCloseable {

    private final Value tensors;
    private final boolean plain;
    private final Optional<Value> own;
    private final Optional<LoraStack> stack;
    private final long bytes;
    private volatile boolean closed;

    /**
     * @param plain        whether no module has a factor or a shift
     * @param stacked      the same layers as a stack of their own, where the decoder runs stacks
     * @param stackedBytes the memory that this stack takes, 0 where there is none
     * @param bytes        the memory that everything here takes on the device
     */
    public LoraWeights(
            Value tensors, boolean plain, Optional<Value> own, Optional<Value> stacked, long stackedBytes, long bytes) {
        this.tensors = tensors;
        this.plain = plain;
        this.own = own;
        this.stack = stacked.map(value -> new LoraStack(List.of(this), value, stackedBytes));
        this.bytes = bytes;
    }

    /** Weights that no layer looks at. */
    public static LoraWeights none(Torch torch) {
        try (Value empty = torch.floats()) {
            return new LoraWeights(torch.list(List.of(empty)), true, Optional.empty(), Optional.empty(), 0, 0);
        }
    }

    /** Whether there are but eight tensors a layer; else eight more a layer follow, factor and shift {@code [out]} of each. */
    public boolean isPlain() {
        return plain;
    }

    /** Eight tensors a layer: A {@code [in, parts * rank]} and B {@code [rank, sum of out]} of the parts q+k+v, of o, of gate+up and of down. */
    public Value tensors() {
        return tensors;
    }

    /** The memory that they take on the device. */
    public long bytes() {
        return bytes;
    }

    /** The adapter as a stack of its own; where there is none, it runs on its own always. */
    public Optional<LoraStack> stack() {
        return stack;
    }

    /** Whether the adapter differs from the base beside the layers' LoRA, and so at boundary 0 too. */
    public boolean hasOwnParts() {
        return own.isPresent();
    }

    /** Embedding, head and norms as {@code outer.torchscript} lists them; empty where all are the base's. */
    public Optional<Value> own() {
        return own;
    }

    /** Whether no row may use it any more. */
    public boolean isClosed() {
        return closed;
    }

    @Override
    public synchronized void close() {
        closed = true;
        own.ifPresent(Value::close);
        stack.ifPresent(LoraStack::close);
        tensors.close();
    }
}
