package io.tidemark.torch;

import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.IValue;
import java.util.ArrayList;
import java.util.List;

/**
 * Something a script takes or returns: a number, a tensor, a list of either. Holds native memory until it is closed;
 * nothing else frees it. Closing it does not touch values that
 * share its tensors, but for {@link Torch#bytes}.
 */
public final class Value implements AutoCloseable {

    private final IValue value;
    /** The array under a tensor made from Java memory: libtorch reads that memory, so it must live as long. */
    private final PtNDArray backing;

    private final Context context;

    private Value(IValue value, PtNDArray backing, Context context) {
        this.value = value;
        this.backing = backing;
        this.context = context;
    }

    static Value owning(IValue value, Context context) {
        return new Value(value, null, context);
    }

    static Value backed(IValue value, PtNDArray backing, Context context) {
        return new Value(value, backing, context);
    }

    IValue raw() {
        return value;
    }

    /** The elements of an int64 tensor in row-major order. */
    public long[] toLongs() {
        try (PtNDArray array = value.toTensor(context.manager())) {
            return read("int64", array.toLongArray());
        }
    }

    /** The elements of a float32 tensor in row-major order. */
    public float[] toFloats() {
        try (PtNDArray array = value.toTensor(context.manager())) {
            return read("float32", array.toFloatArray());
        }
    }

    /** The elements of a float64 tensor in row-major order. */
    public double[] toDoubles() {
        try (PtNDArray array = value.toTensor(context.manager())) {
            return read("float64", array.toDoubleArray());
        }
    }

    /** An {@code int}. */
    public long toNumber() {
        return read("literal", value.toLong());
    }

    public boolean toFlag() {
        return read("literal", value.toBoolean());
    }

    /** The members of a list; each must be closed by the caller. */
    public List<Value> toList() {
        List<Value> members = new ArrayList<>();
        for (IValue member : value.toIValueArray()) {
            members.add(owning(member, context));
        }
        context.recorder().members(this, members);
        return members;
    }

    private <T> T read(String kind, T content) {
        context.recorder().read(this, kind, content);
        return content;
    }

    @Override
    public void close() {
        context.recorder().closed(this);
        value.close();
        if (backing != null) {
            backing.close();
        }
    }
}
