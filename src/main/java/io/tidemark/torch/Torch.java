package io.tidemark.torch;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.IValue;
import com.sun.jna.Function;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * libtorch on one device: loads scripts and creates the values that they take. All of them are on the device of the
 * {@link TorchOptions}.
 *
 * <p>Safe for use by several threads. A {@link Value} is used by one thread at a time.
 */
public final class Torch implements AutoCloseable {

    private final PtNDManager manager;
    /** Creates tensors on the CPU. */
    private final PtNDManager host;

    private final Recorder recorder;
    private final ThreadSetup threads;

    private Torch(TorchOptions options, Recorder recorder) {
        this.manager = Devices.open(options.device());
        this.host = Devices.open("cpu");
        this.recorder = recorder;
        this.threads = new ThreadSetup(options.threads(), isOnGpu());
    }

    /**
     * Loads libtorch. DJL downloads nothing and sends no usage data.
     *
     * @throws IllegalStateException if libtorch cannot be loaded, or the device does not exist
     */
    public static Torch open(TorchOptions options) {
        return new Torch(options, Recorder.NONE);
    }

    /**
     * Loads libtorch and records all calls and values in a folder, so that they can be repeated on another machine.
     *
     * @throws IllegalStateException if libtorch cannot be loaded, or the device does not exist
     * @throws java.io.UncheckedIOException if the folder cannot be written
     */
    public static Torch recording(TorchOptions options, Path folder) {
        return new Torch(options, new Recording(folder));
    }

    /**
     * Loads a script and creates one object of its class.
     *
     * @throws ScriptException if the text is not valid TorchScript; libtorch's message contains the place
     */
    public Script script(ScriptSource source) {
        return Script.load(source, this);
    }

    /** A tensor {@code [values.length]} of int64. */
    public Value longs(long... values) {
        ByteBuffer buffer = direct(values.length * Long.BYTES);
        buffer.asLongBuffer().put(values);
        return recorded("int64", values, copied(buffer, DataType.INT64, values.length));
    }

    /** A tensor {@code [values.length]} of float32. */
    public Value floats(float... values) {
        ByteBuffer buffer = direct(values.length * Float.BYTES);
        buffer.asFloatBuffer().put(values);
        return recorded("float32", values, copied(buffer, DataType.FLOAT32, values.length));
    }

    /** A tensor {@code [values.length]} of float64. */
    public Value doubles(double... values) {
        ByteBuffer buffer = direct(values.length * Double.BYTES);
        buffer.asDoubleBuffer().put(values);
        return recorded("float64", values, copied(buffer, DataType.FLOAT64, values.length));
    }

    /**
     * A tensor {@code [bytes.remaining()]} of uint8. On a CPU it shares the memory of the buffer, which must not change
     * while the value is open; nothing that outlives the value may share its tensor.
     *
     * @param bytes a direct buffer
     */
    public Value bytes(ByteBuffer bytes) {
        PtNDArray shared = manager.create(bytes.slice(), new Shape(bytes.remaining()), DataType.UINT8);
        return recorded("uint8", bytes, new Value(IValue.from(shared), shared, this));
    }

    /**
     * A tensor {@code [bytes.remaining()]} of uint8 in the memory of the host, also if the device is a GPU. It shares
     * the memory of the buffer, as that of {@link #bytes} does on a CPU.
     *
     * @param bytes a direct buffer
     */
    public Value hostBytes(ByteBuffer bytes) {
        PtNDArray shared = host.create(bytes.slice(), new Shape(bytes.remaining()), DataType.UINT8);
        return recorded("host_uint8", bytes, new Value(IValue.from(shared), shared, this));
    }

    /** Creates an {@code int} of TorchScript. */
    public Value number(long value) {
        return literal(value, IValue.from(value));
    }

    /** Creates a {@code float}, which has double precision in TorchScript. */
    public Value number(double value) {
        return literal(value, IValue.from(value));
    }

    /** Creates a {@code bool} of TorchScript. */
    public Value flag(boolean value) {
        return literal(value, IValue.from(value));
    }

    /** Creates a {@code List[int]}. */
    public Value numbers(long... values) {
        return literal(values, IValue.listFrom(values));
    }

    /** Creates a {@code List[List[int]]}, which must not be empty. */
    public Value numberLists(List<long[]> lists) {
        IValue[] rows = lists.stream().map(IValue::listFrom).toArray(IValue[]::new);
        try {
            return literal(lists, IValue.listFrom(rows));
        } finally {
            for (IValue row : rows) {
                row.close();
            }
        }
    }

    /**
     * A {@code List[T]} of the given values, which stay open and are closed by the caller.
     *
     * @throws NoSuchElementException if the list is empty, because an empty list has no element type
     */
    public Value list(List<Value> values) {
        if (values.isEmpty()) {
            throw new NoSuchElementException("an empty list has no element type in TorchScript");
        }
        Value list = new Value(IValue.listFrom(values.stream().map(Value::raw).toArray(IValue[]::new)), null, this);
        recorder.listed(list, values);
        return list;
    }

    /**
     * Returns freed memory to the operating system if the C library supports it (glibc). Takes some milliseconds; call
     * it after a model is loaded, since the weights exist in several formats while they are converted.
     */
    public void compactMemory() {
        try {
            Function.getFunction("c", "malloc_trim").invokeInt(new Object[] {0L});
        } catch (UnsatisfiedLinkError e) {
            System.getLogger(Torch.class.getName())
                    .log(System.Logger.Level.DEBUG, "freed memory could not be returned to the system", e);
        }
    }

    /**
     * Lowers the priority of the calling thread permanently and makes its operators single-threaded. On Linux, a thread
     * of normal priority on the same core gets about nine times as much processor time.
     */
    public void lowerThreadPriority() {
        threads.lowerPriority();
    }

    /** Sets the number of threads, 1 or more, of the calling thread's operators; the calling thread is one of them. */
    public void setThreads(int threads) {
        this.threads.setThreads(threads);
    }

    /**
     * The maximum number of threads of an operator, and the default of threads that have not called
     * {@link #setThreads}.
     */
    public int threads() {
        return threads.defaultThreads();
    }

    public boolean isOnGpu() {
        return manager.getDevice().isGpu();
    }

    /** The compute capability of the GPU times ten, 75 for a T4; 0 if CUDA does not report it; empty on a CPU. */
    public OptionalInt gpuCapability() {
        return Devices.capability(manager.getDevice());
    }

    /** How many bytes of the GPU are unused; empty on a CPU, and if CUDA does not report them. */
    public OptionalLong freeGpuBytes() {
        return Devices.freeBytes(manager.getDevice());
    }

    /** Closes the recording and frees the device's manager. Values and scripts must be closed before. */
    @Override
    public void close() {
        recorder.end();
        host.close();
        manager.close();
    }

    PtNDManager manager() {
        return manager;
    }

    Recorder recorder() {
        return recorder;
    }

    /**
     * The exception of a call of libtorch.
     *
     * @throws DeviceError if the GPU can't be used any more
     */
    ScriptException failure(String what, EngineException cause) {
        String message = what + ": " + cause.getMessage();
        if (isOnGpu() && Devices.isLost(cause)) {
            throw new DeviceError(message, cause);
        }
        return new ScriptException(message, cause);
    }

    /** Sets up the calling thread; required before a call of a script. */
    void prepareThread() {
        threads.prepare();
    }

    private Value literal(Object content, IValue value) {
        return recorded("literal", content, new Value(value, null, this));
    }

    private Value recorded(String kind, Object content, Value value) {
        recorder.created(value, kind, content);
        return value;
    }

    /**
     * libtorch reads the memory of the buffer in place, and the JVM may free it at any time: the tensor gets its own
     * memory.
     */
    private Value copied(ByteBuffer buffer, DataType type, long length) {
        try (NDArray inPlace = manager.create(buffer, new Shape(length), type);
                NDArray copy = inPlace.duplicate()) {
            return new Value(IValue.from((PtNDArray) copy), null, this);
        } catch (EngineException e) {
            throw failure("a tensor of " + length + " elements could not be created", e);
        }
    }

    private static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }
}
