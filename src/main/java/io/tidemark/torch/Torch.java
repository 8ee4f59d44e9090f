package io.tidemark.torch;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.JniUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.OptionalLong;

/**
 * libtorch on one device. Makes the values that scripts take and loads the scripts; everything it makes lives on the
 * device of its {@link TorchOptions}.
 *
 * <p>Safe for use by several threads; a {@link Value} belongs to the thread that works with it.
 */
public final class Torch implements AutoCloseable {

    private final PtNDManager manager;
    private final Context context;

    private Torch(PtNDManager manager, Recorder recorder) {
        this.manager = manager;
        this.context = new Context(manager, recorder);
    }

    /**
     * Loads libtorch. DJL neither reports home nor downloads anything.
     *
     * @throws IllegalStateException when libtorch cannot be loaded, or the device is not there
     */
    public static Torch open(TorchOptions options) {
        return open(options, Recorder.NONE);
    }

    /** Loads libtorch, which takes a second, so that something else can go on meanwhile. A failure shows in {@link #open}. */
    public static void preload() {
        try {
            Devices.engine();
        } catch (IllegalStateException e) {
            System.getLogger(Torch.class.getName()).log(System.Logger.Level.DEBUG, "libtorch could not be loaded ahead", e);
        }
    }

    /**
     * The same, and writes all that passes between Java and libtorch to a folder, so that it can be repeated elsewhere.
     *
     * @throws IllegalStateException as above
     */
    public static Torch recording(TorchOptions options, Path folder) {
        return open(options, new Recording(folder));
    }

    private static Torch open(TorchOptions options, Recorder recorder) {
        PtNDManager manager = Devices.open(options.device());
        if (options.threads() > 0) {
            JniUtils.setNumThreads(options.threads());
        }
        return new Torch(manager, recorder);
    }

    /**
     * Loads a script and makes one object of its class.
     *
     * @throws ScriptFailed when the text does not parse; libtorch's message says where
     */
    public Script script(ScriptSource source) {
        StringBuilder text = new StringBuilder(source.head());
        source.resources().forEach(resource -> text.append(resourceText(resource)));
        byte[] archive = ScriptArchive.pack(source, text.toString());
        try {
            PtSymbolBlock block = JniUtils.loadModule(manager, new ByteArrayInputStream(archive), false, false);
            Script script = new Script(block, context, source.className());
            context.recorder().loaded(script, source.className(), archive);
            return script;
        } catch (EngineException e) {
            throw new ScriptFailed("script " + source.className() + " could not be loaded: " + e.getMessage(), e);
        } catch (IOException e) {
            throw new UncheckedIOException("script " + source.className() + " could not be loaded", e);
        }
    }

    /** A tensor {@code [values.length]} of int64. */
    public Value longs(long... values) {
        ByteBuffer buffer = direct(values.length * Long.BYTES);
        buffer.asLongBuffer().put(values);
        return made("int64", values, copied(buffer, DataType.INT64, values.length));
    }

    /** A tensor {@code [values.length]} of float32. */
    public Value floats(float... values) {
        ByteBuffer buffer = direct(values.length * Float.BYTES);
        buffer.asFloatBuffer().put(values);
        return made("float32", values, copied(buffer, DataType.FLOAT32, values.length));
    }

    /** A tensor {@code [values.length]} of float64. */
    public Value doubles(double... values) {
        ByteBuffer buffer = direct(values.length * Double.BYTES);
        buffer.asDoubleBuffer().put(values);
        return made("float64", values, copied(buffer, DataType.FLOAT64, values.length));
    }

    /**
     * A tensor {@code [bytes.remaining()]} of uint8 over the buffer's own memory where the device is the CPU: the
     * memory must not change while the value is open, and nothing that outlives the value may share it.
     *
     * @param bytes a direct buffer
     */
    public Value bytes(ByteBuffer bytes) {
        PtNDArray inPlace = manager.create(bytes.slice(), new Shape(bytes.remaining()), DataType.UINT8);
        return made("uint8", bytes, Value.backed(IValue.from(inPlace), inPlace, context));
    }

    public Value number(long value) {
        return made("literal", value, Value.owning(IValue.from(value), context));
    }

    public Value number(double value) {
        return made("literal", value, Value.owning(IValue.from(value), context));
    }

    public Value flag(boolean value) {
        return made("literal", value, Value.owning(IValue.from(value), context));
    }

    /** A {@code List[int]}. */
    public Value numbers(long... values) {
        return made("literal", values, Value.owning(IValue.listFrom(values), context));
    }

    /** A {@code List[float]}. */
    public Value reals(double... values) {
        return made("literal", values, Value.owning(IValue.listFrom(values), context));
    }

    /** A {@code List[List[int]]}, not empty. */
    public Value numberLists(List<long[]> lists) {
        IValue[] rows = lists.stream().map(IValue::listFrom).toArray(IValue[]::new);
        try {
            return made("literal", lists, Value.owning(IValue.listFrom(rows), context));
        } finally {
            for (IValue row : rows) {
                row.close();
            }
        }
    }

    /** A {@code List[T]} of what the values hold, not empty; the values stay open and keep their own life. */
    public Value list(List<Value> values) {
        if (values.isEmpty()) {
            throw new NoSuchElementException("an empty list has no type for TorchScript");
        }
        Value list = Value.owning(IValue.listFrom(values.stream().map(Value::raw).toArray(IValue[]::new)), context);
        context.recorder().listed(list, values);
        return list;
    }

    /** Gives memory that libtorch has freed back to the system, which takes some milliseconds: after a model is loaded. */
    public void giveBackFreedMemory() {
        NativeHeap.trim();
    }

    /** Whether everything lies on a GPU. */
    public boolean isOnGpu() {
        return manager.getDevice().isGpu();
    }

    /** Bytes of the GPU that nobody uses; empty on a CPU, and where the system does not tell. */
    public OptionalLong freeGpuBytes() {
        return Devices.freeBytes(manager.getDevice());
    }

    @Override
    public void close() {
        context.recorder().end();
        manager.close();
    }

    private Value made(String kind, Object content, Value value) {
        context.recorder().made(value, kind, content);
        return value;
    }

    /** libtorch reads the buffer's memory in place, and Java frees it when it likes: so the values get memory of their own. */
    private Value copied(ByteBuffer buffer, DataType type, long length) {
        try (NDArray inPlace = manager.create(buffer, new Shape(length), type); NDArray copy = inPlace.duplicate()) {
            return Value.owning(IValue.from((PtNDArray) copy), context);
        }
    }

    private static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }

    private static String resourceText(String resource) {
        try (InputStream in = Torch.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IllegalStateException("script " + resource + " is not on the class path");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("script " + resource + " could not be read", e);
        }
    }
}
