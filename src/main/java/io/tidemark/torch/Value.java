package io.tidemark.torch;

import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.IValue;
import java.util.ArrayList;
import java.util.List;

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
        try (PtNDArray array = value.toTensor(torch.manager())) {
            return recorded("int64", array.toLongArray());
        }
    }

    /** The elements of a float32 tensor in row-major order. */
    public float[] toFloats() {
        try (PtNDArray array = value.toTensor(torch.manager())) {
            return recorded("float32", array.toFloatArray());
        }
    }

    /** The elements of a float64 tensor in row-major order. */
    public double[] toDoubles() {
        try (PtNDArray array = value.toTensor(torch.manager())) {
            return recorded("float64", array.toDoubleArray());
        }
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
