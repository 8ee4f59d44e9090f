package io.tidemark.torch;

import ai.djl.Device;
import ai.djl.engine.Engine;
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
import java.util.List;
import java.util.NoSuchElementException;

/**
 * libtorch on one device. Makes the values that scripts take and loads the scripts; everything it makes lives on the
 * device of its {@link TorchOptions}.
 *
 * <p>Safe for use by several threads; a {@link Value} belongs to the thread that works with it.
 */
public final class Torch implements AutoCloseable {

    private final PtNDManager manager;

    private Torch(PtNDManager manager) {
        this.manager = manager;
    }

    /**
     * Loads libtorch. DJL neither reports home nor downloads anything.
     *
     * @throws IllegalStateException when libtorch cannot be loaded, or the device is not there
     */
    public static Torch open(TorchOptions options) {
        System.setProperty("OPT_OUT_TRACKING", "true");
        System.setProperty("ai.djl.offline", "true");
        Engine engine = engine();
        if (options.threads() > 0) {
            JniUtils.setNumThreads(options.threads());
        }
        return new Torch((PtNDManager) engine.newBaseManager(device(options.device(), engine)));
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
            return new Script(block, manager, source.className());
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
        return copied(buffer, DataType.INT64, values.length);
    }

    /** A tensor {@code [values.length]} of float32. */
    public Value floats(float... values) {
        ByteBuffer buffer = direct(values.length * Float.BYTES);
        buffer.asFloatBuffer().put(values);
        return copied(buffer, DataType.FLOAT32, values.length);
    }

    /** A tensor {@code [values.length]} of float64. */
    public Value doubles(double... values) {
        ByteBuffer buffer = direct(values.length * Double.BYTES);
        buffer.asDoubleBuffer().put(values);
        return copied(buffer, DataType.FLOAT64, values.length);
    }

    /**
     * A tensor {@code [bytes.remaining()]} of uint8 over the buffer's own memory where the device is the CPU: the
     * memory must not change while the value is open, and nothing that outlives the value may share it.
     *
     * @param bytes a direct buffer
     */
    public Value bytes(ByteBuffer bytes) {
        PtNDArray inPlace = manager.create(bytes.slice(), new Shape(bytes.remaining()), DataType.UINT8);
        return Value.backed(IValue.from(inPlace), inPlace, manager);
    }

    public Value number(long value) {
        return Value.owning(IValue.from(value), manager);
    }

    public Value number(double value) {
        return Value.owning(IValue.from(value), manager);
    }

    public Value flag(boolean value) {
        return Value.owning(IValue.from(value), manager);
    }

    /** A {@code List[int]}. */
    public Value numbers(long... values) {
        return Value.owning(IValue.listFrom(values), manager);
    }

    /** A {@code List[float]}. */
    public Value reals(double... values) {
        return Value.owning(IValue.listFrom(values), manager);
    }

    /** A {@code List[List[int]]}, not empty. */
    public Value numberLists(List<long[]> lists) {
        IValue[] rows = lists.stream().map(IValue::listFrom).toArray(IValue[]::new);
        try {
            return Value.owning(IValue.listFrom(rows), manager);
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
        return Value.owning(IValue.listFrom(values.stream().map(Value::raw).toArray(IValue[]::new)), manager);
    }

    @Override
    public void close() {
        manager.close();
    }

    /** libtorch reads the buffer's memory in place, and Java frees it when it likes: so the values get memory of their own. */
    private Value copied(ByteBuffer buffer, DataType type, long length) {
        try (NDArray inPlace = manager.create(buffer, new Shape(length), type); NDArray copy = inPlace.duplicate()) {
            return Value.owning(IValue.from((PtNDArray) copy), manager);
        }
    }

    private static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }

    private static Engine engine() {
        try {
            return Engine.getEngine("PyTorch");
        } catch (RuntimeException | LinkageError e) {
            throw new IllegalStateException("libtorch could not be loaded: " + e.getMessage()
                    + " (set PYTORCH_LIBRARY_PATH to an installed libtorch 2.7.1, or use a build with the natives of this platform)", e);
        }
    }

    private static Device device(String name, Engine engine) {
        int gpus = name.equals("cpu") ? 0 : engine.getGpuCount();
        if (name.equals("cpu") || name.equals("auto") && gpus == 0) {
            return Device.cpu();
        }
        int index = name.equals("auto") ? 0 : Integer.parseInt(name.substring("cuda:".length()));
        if (index >= gpus) {
            throw new IllegalStateException("device " + name + " is not there: libtorch sees " + gpus + " GPUs");
        }
        return Device.gpu(index);
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
