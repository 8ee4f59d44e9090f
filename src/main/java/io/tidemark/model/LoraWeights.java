package io.tidemark.model;

import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.util.List;

/** The device tensors of one adapter, laid out as the decoder takes them. Must not be closed while a row uses it. */
public final class LoraWeights implements AutoCloseable {

    private final Value tensors;
    private final long bytes;

    /** @param bytes the memory that the tensors take on the device */
    LoraWeights(Value tensors, long bytes) {
        this.tensors = tensors;
        this.bytes = bytes;
    }

    /** Weights that no layer looks at. */
    static LoraWeights none(Torch torch) {
        try (Value empty = torch.floats()) {
            return new LoraWeights(torch.list(List.of(empty)), 0);
        }
    }

    /** Eight tensors a layer: A {@code [in, r]} and B {@code [r, out]} of q+k+v, o, gate+up and down. */
    Value tensors() {
        return tensors;
    }

    /** The memory that they take on the device. */
    public long bytes() {
        return bytes;
    }

    @Override
    public void close() {
        tensors.close();
    }
}
