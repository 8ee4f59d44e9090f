package io.tidemark.torch;

import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
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
    private final PtNDManager manager;

    private Value(IValue value, PtNDArray backing, PtNDManager manager) {
        this.value = value;
        this.backing = backing;
        this.manager = manager;
    }

    static Value owning(IValue value, PtNDManager manager) {
        return new Value(value, null, manager);
    }

    static Value backed(IValue value, PtNDArray backing, PtNDManager manager) {
        return new Value(value, backing, manager);
    }

    IValue raw() {
        return value;
    }

    /** The elements of an int64 tensor in row-major order. */
    public long[] toLongs() {
        try (PtNDArray array = value.toTensor(manager)) {
            return array.toLongArray();
        }
    }

    /** The elements of a float32 tensor in row-major order. */
    public float[] toFloats() {
        try (PtNDArray array = value.toTensor(manager)) {
            return array.toFloatArray();
        }
    }

    /** The elements of a float64 tensor in row-major order. */
    public double[] toDoubles() {
        try (PtNDArray array = value.toTensor(manager)) {
            return array.toDoubleArray();
        }
    }

    /** An {@code int}. */
    public long toNumber() {
        return value.toLong();
    }

    public boolean toFlag() {
        return value.toBoolean();
    }

    /** The members of a list; each must be closed by the caller. */
    public List<Value> toList() {
        List<Value> members = new ArrayList<>();
        for (IValue member : value.toIValueArray()) {
            members.add(owning(member, manager));
        }
        return members;
    }

    @Override
    public void close() {
        value.close();
        if (backing != null) {
            backing.close();
        }
    }
}
