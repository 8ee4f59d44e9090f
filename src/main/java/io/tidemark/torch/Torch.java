package io.tidemark.torch;

import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.IValue;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;

/**
 * libtorch on one device. Makes the values that scripts take and loads the scripts; everything it makes lives on the
 * device of its {@link TorchOptions}.
 *
 * <p>Safe for use by several threads; a {@link Value} belongs to the thread that works with it.
 */
public final class Torch implements AutoCloseable {

    private final Context context;
    private final ValueMaker make;

    private Torch(Context context) {
        this.context = context;
        this.make = new ValueMaker(context);
    }

    /**
     * Loads libtorch. DJL neither reports home nor downloads anything.
     *
     * @throws IllegalStateException when libtorch cannot be loaded, or the device is not there
     */
    public static Torch open(TorchOptions options) {
        return open(options, Recorder.NONE);
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
        return new Torch(new Context(manager, recorder, new CallingThreads(options.threads())));
    }

    /**
     * Loads a script and makes one object of its class.
     *
     * @throws ScriptFailed when the text does not parse; libtorch's message says where
     */
    public Script script(ScriptSource source) {
        return Script.load(source, context);
    }

    /** A tensor {@code [values.length]} of int64. */
    public Value longs(long... values) {
        return make.longs(values);
    }

    /** A tensor {@code [values.length]} of float32. */
    public Value floats(float... values) {
        return make.floats(values);
    }

    /** A tensor {@code [values.length]} of float64. */
    public Value doubles(double... values) {
        return make.doubles(values);
    }

    /**
     * A tensor {@code [bytes.remaining()]} of uint8 over the buffer's own memory where the device is the CPU: the
     * memory must not change while the value is open, and nothing that outlives the value may share it.
     *
     * @param bytes a direct buffer
     */
    public Value bytes(ByteBuffer bytes) {
        return make.bytes(bytes);
    }

    /** An {@code int}. */
    public Value number(long value) {
        return make.literal(value, IValue.from(value));
    }

    /** A {@code float}, which TorchScript keeps in double precision. */
    public Value number(double value) {
        return make.literal(value, IValue.from(value));
    }

    /** A {@code bool}. */
    public Value flag(boolean value) {
        return make.literal(value, IValue.from(value));
    }

    /** A {@code List[int]}. */
    public Value numbers(long... values) {
        return make.literal(values, IValue.listFrom(values));
    }

    /** A {@code List[List[int]]}, not empty. */
    public Value numberLists(List<long[]> lists) {
        return make.numberLists(lists);
    }

    /** A {@code List[T]} of what the values hold, not empty; the values stay open and keep their own life. */
    public Value list(List<Value> values) {
        return make.list(values);
    }

    /**
     * Gives memory that libtorch has freed back to the system, and moves what it keeps to large pages. Takes some milliseconds: to
     * be called after a model is loaded.
     */
    public void compactMemory() {
        NativeHeap.trim();
        NativeHeap.useHugePages();
    }

    /**
     * Lowers the priority of the calling thread for good: its operators run on this thread alone and, on Linux, get a tenth of
     * a core that threads of normal priority want too.
     */
    public void lowerThreadPriority() {
        context.threads().lowerThreadPriority();
    }

    /** Sets how many threads, 1 or more, the operators of the calling thread use, itself included. */
    public void setThreads(int threads) {
        context.threads().setThreads(threads);
    }

    /** The most threads that an operator uses; also the number for threads that have not called {@link #setThreads}. */
    public int threads() {
        return context.threads().width();
    }

    /** Whether everything lies on a GPU. */
    public boolean isOnGpu() {
        return context.manager().getDevice().isGpu();
    }

    /** Bytes of the GPU that nobody uses; empty on a CPU, and where the system does not tell. */
    public OptionalLong freeGpuBytes() {
        return Devices.freeBytes(context.manager().getDevice());
    }

    @Override
    public void close() {
        context.recorder().end();
        context.manager().close();
    }
}
