package io.tidemark.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.IValue;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.NoSuchElementException;

/** Makes libtorch's values from Java's on one device, and tells the recorder of each. {@link Torch} says what they are. */
final class ValueMaker {

    private final Context context;

    ValueMaker(Context context) {
        this.context = context;
    }

    Value longs(long[] values) {
        ByteBuffer buffer = direct(values.length * Long.BYTES);
        buffer.asLongBuffer().put(values);
        return made("int64", values, copied(buffer, DataType.INT64, values.length));
    }

    Value floats(float[] values) {
        ByteBuffer buffer = direct(values.length * Float.BYTES);
        buffer.asFloatBuffer().put(values);
        return made("float32", values, copied(buffer, DataType.FLOAT32, values.length));
    }

    Value doubles(double[] values) {
        ByteBuffer buffer = direct(values.length * Double.BYTES);
        buffer.asDoubleBuffer().put(values);
        return made("float64", values, copied(buffer, DataType.FLOAT64, values.length));
    }

    Value bytes(ByteBuffer bytes) {
        PtNDArray inPlace = context.manager().create(bytes.slice(), new Shape(bytes.remaining()), DataType.UINT8);
        return made("uint8", bytes, Value.backed(IValue.from(inPlace), inPlace, context));
    }

    /** @param content what {@code value} holds: a number, a flag or an array of numbers */
    Value literal(Object content, IValue value) {
        return made("literal", content, Value.owning(value, context));
    }

    Value numberLists(List<long[]> lists) {
        IValue[] rows = lists.stream().map(IValue::listFrom).toArray(IValue[]::new);
        try {
            return literal(lists, IValue.listFrom(rows));
        } finally {
            for (IValue row : rows) {
                row.close();
            }
        }
    }

    Value list(List<Value> values) {
        if (values.isEmpty()) {
            throw new NoSuchElementException("an empty list has no type for TorchScript");
        }
        Value list =
                Value.owning(IValue.listFrom(values.stream().map(Value::raw).toArray(IValue[]::new)), context);
        context.recorder().listed(list, values);
        return list;
    }

    private Value made(String kind, Object content, Value value) {
        context.recorder().made(value, kind, content);
        return value;
    }

    /** libtorch reads the buffer's memory in place, and Java frees it when it likes: so the values get memory of their own. */
    private Value copied(ByteBuffer buffer, DataType type, long length) {
        try (NDArray inPlace = context.manager().create(buffer, new Shape(length), type);
                NDArray copy = inPlace.duplicate()) {
            return Value.owning(IValue.from((PtNDArray) copy), context);
        }
    }

    private static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }
}
