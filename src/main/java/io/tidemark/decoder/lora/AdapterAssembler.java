package io.tidemark.decoder.lora;

import io.tidemark.decoder.DecoderParts;
import io.tidemark.decoder.weights.TensorLoader;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ModelRefused;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.nio.file.Path;
import java.util.Optional;

/** Brings an adapter to the device in all forms that steps take it in. */
public record AdapterAssembler(DecoderParts parts) {

    /**
     * @param source the folder that an error names
     * @throws ModelRefused when a tensor holds values that are not finite, or contradicts the base
     */
    public LoraWeights assemble(Path source, AdapterParts adapter) {
        TensorLoader loader = new TensorLoader(parts.torch(), parts.script());
        try (ValueScope open = new ValueScope()) {
            Optional<Value> own = new OuterAssembler(parts.folder(), parts.config(), loader).assemble(source, adapter);
            own.ifPresent(open::add);
            Value tensors = open.add(
                    new LoraAssembler(parts.folder(), parts.config(), loader).assemble(source, adapter.layers()));
            Optional<Value> stacked = stacked(tensors);
            stacked.ifPresent(open::add);
            long stackedBytes =
                    stacked.map(stack -> number("stacked_bytes", stack)).orElse(0L);
            long bytes = number("bytes", tensors)
                    + own.map(value -> number("bytes", value)).orElse(0L)
                    + stackedBytes;
            open.release();
            return new LoraWeights(tensors, LoraAssembler.isPlain(adapter.layers()), own, stacked, stackedBytes, bytes);
        }
    }

    /** Only int8 stacks: a few sums over tables of bytes cost less than many small products. */
    private Optional<Value> stacked(Value tensors) {
        if (parts.options().computeType() != ComputeType.INT8) {
            return Optional.empty();
        }
        return Optional.of(parts.script().call("stack_int8", tensors));
    }

    private long number(String method, Value value) {
        try (Value number = parts.script().call(method, value)) {
            return number.toNumber();
        }
    }
}
