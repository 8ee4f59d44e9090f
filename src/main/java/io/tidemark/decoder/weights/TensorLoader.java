package io.tidemark.decoder.weights;

import static io.tidemark.decoder.script.DecoderMethod.ALL_FINITE;
import static io.tidemark.decoder.script.DecoderMethod.CONCAT;
import static io.tidemark.decoder.script.DecoderMethod.DECODE;
import static io.tidemark.decoder.script.DecoderMethod.FILLED;
import static io.tidemark.decoder.script.DecoderMethod.ZEROS;

import io.tidemark.model.InvalidModelException;
import io.tidemark.model.StoredTensor;
import io.tidemark.torch.Script;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CancellationException;

/**
 * Loads stored tensors to the device as float32. Thread-safe.
 *
 * @param script the decoder's script
 */
public record TensorLoader(Torch torch, Script script) {

    /**
     * Loads a tensor.
     *
     * @param source the file or folder, for error messages
     * @throws CancellationException if the thread was interrupted: loading a model takes minutes and can be cancelled
     *     between two tensors
     * @throws InvalidModelException if the tensor has NaN or infinity, which would spread to all rows with the same KV
     *     block
     */
    public Value load(Path source, StoredTensor tensor) {
        if (Thread.currentThread().isInterrupted()) {
            throw new CancellationException("loading of " + source + " was cancelled");
        }
        try (Value raw = torch.bytes(tensor.bytes());
                Value type = torch.number(tensor.type().torchCode());
                Value shape = torch.numbers(
                        tensor.shape().stream().mapToLong(Long::longValue).toArray())) {
            Value value = script.call(DECODE, raw, type, shape);
            if (!isFinite(value)) {
                value.close();
                throw InvalidModelException.broken(
                        source, "tensor " + tensor.name() + " has values that are not finite");
            }
            return value;
        }
    }

    /** Zeros of this shape; sizes may be 0. */
    public Value zeros(long... shape) {
        try (Value like = torch.floats(0);
                Value sizes = torch.numbers(shape)) {
            return script.call(ZEROS, like, sizes);
        }
    }

    /** A tensor of this shape whose elements are all {@code number}. */
    public Value filled(double number, long... shape) {
        try (Value zeros = zeros(shape);
                Value value = torch.number(number)) {
            return script.call(FILLED, zeros, value);
        }
    }

    /** Concatenates tensors in the first dimension. */
    public Value concat(List<Value> tensors) {
        try (Value list = torch.list(tensors)) {
            return script.call(CONCAT, list);
        }
    }

    private boolean isFinite(Value tensor) {
        try (Value finite = script.call(ALL_FINITE, tensor)) {
            return finite.toFlag();
        }
    }
}
