package io.tidemark.decoder.weights;

import io.tidemark.model.ModelRefused;
import io.tidemark.model.StoredTensor;
import io.tidemark.torch.Script;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.nio.file.Path;
import java.util.List;

/** Brings stored tensors to the device as float32. */
public record TensorLoader(Torch torch, Script script) {

    /**
     * @param source the file or folder that an error names
     * @throws LoadingStopped when the thread was interrupted, so that a load of minutes can be ended between two tensors
     * @throws ModelRefused when the tensor holds NaN or infinity, which would spread to every row that shares a cache
     */
    public Value load(Path source, StoredTensor tensor) {
        if (Thread.currentThread().isInterrupted()) {
            throw new LoadingStopped(source);
        }
        try (Value raw = torch.bytes(tensor.bytes());
                Value type = torch.number(tensor.type().torchCode());
                Value shape = torch.numbers(
                        tensor.shape().stream().mapToLong(Long::longValue).toArray())) {
            Value value = script.call("decode", raw, type, shape);
            if (!isFinite(value)) {
                value.close();
                throw ModelRefused.broken(source, "tensor " + tensor.name() + " holds values that are not finite");
            }
            return value;
        }
    }

    /** Zeros of the given shape; a size may be 0. */
    public Value zeros(long... shape) {
        try (Value like = torch.floats(0);
                Value sizes = torch.numbers(shape)) {
            return script.call("zeros", like, sizes);
        }
    }

    /** A tensor of the given shape that holds one number. */
    public Value filled(double number, long... shape) {
        try (Value zeros = zeros(shape);
                Value value = torch.number(number)) {
            return script.call("filled", zeros, value);
        }
    }

    /** The parts one below the other. */
    public Value stack(List<Value> parts) {
        try (Value list = torch.list(parts)) {
            return script.call("stack", list);
        }
    }

    private boolean isFinite(Value tensor) {
        try (Value finite = script.call("all_finite", tensor)) {
            return finite.toFlag();
        }
    }
}
