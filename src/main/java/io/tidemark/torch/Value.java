package io.tidemark.torch;

import ai.djl.engine.EngineException;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.IValue;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * A value that a script takes or returns: a number, a tensor, a tuple, or a list. Holds native memory until it is
 * closed; there is no other release. Closing it does not affect values that share its tensors, except for
 * {@link Torch#bytes}.
 */
public final class Value implements AutoCloseable {

    private final IValue value;
    /**
     * The array of a tensor over Java memory, or null. libtorch reads that memory, so it lives as long as the value.
     */
    private final PtNDArray backing;

    private final Torch torch;

    Value(IValue value, PtNDArray backing, Torch torch) {
        this.value = value;
        this.backing = backing;
        this.torch = torch;
    }

    IValue raw() {
        return value;
    }

    /** The elements of an int64 tensor in row-major order. */
    public long[] toLongs() {
        return recorded("int64", read(PtNDArray::toLongArray));
    }

    /** The elements of a float32 tensor in row-major order. */
    public float[] toFloats() {
        return recorded("float32", read(PtNDArray::toFloatArray));
    }

    /** The elements of a float64 tensor in row-major order. */
    public double[] toDoubles() {
        return recorded("float64", read(PtNDArray::toDoubleArray));
    }

    /** The value of an {@code int}. */
    public long toNumber() {
        return recorded("literal", value.toLong());
    }

    /** The value of a {@code bool}. */
    public boolean toFlag() {
        return recorded("literal", value.toBoolean());
    }

    /** The members of a list; the caller closes each of them. */
    public List<Value> toList() {
        List<Value> members = new ArrayList<>();
        for (IValue member : value.toIValueArray()) {
            members.add(new Value(member, null, torch));
        }
        torch.recorder().members(this, members);
        return members;
    }

    /** Reads a tensor in a manager of its own, because DJL leaves a copy on the host in the manager of an array. */
    private <T> T read(Function<PtNDArray, T> elements) {
        try (PtNDManager manager = (PtNDManager) torch.manager().newSubManager()) {
            return elements.apply(value.toTensor(manager));
        } catch (EngineException e) {
            throw torch.failure("a tensor could not be read", e);
        }
    }

    private <T> T recorded(String kind, T content) {
        torch.recorder().read(this, kind, content);
        return content;
    }

    @Override
    public void close() {
        torch.recorder().closed(this);
        value.close();
        if (backing != null) {
            backing.close();
        }
    }
}
