package io.tidemark.torch;

import ai.djl.pytorch.jni.JniUtils;
import com.sun.jna.Function;

/**
 * Sets up each thread that calls libtorch: whether gradients are recorded, whether graphs are optimized and the number
 * of threads of an operator are settings of the calling thread. Safe for use by several threads.
 */
final class ThreadSetup {

    /** {@code PRIO_PROCESS}, which applies to a thread on Linux; the id 0 is the calling thread. */
    private static final int THREAD = 0;
    /** The nice value of a background thread. */
    private static final int NICE = 10;

    /**
     * DJL's property, {@code true} by default: {@code false} shortens the first calls of a script and may slow down
     * later ones.
     */
    private static final String GRAPH_OPTIMIZER = "ai.djl.pytorch.graph_optimizer";

    private final int defaultThreads;
    private final boolean optimizeGraphs;
    /** The number of threads that was set for the calling thread; 0 before its first call. */
    private final ThreadLocal<Integer> current = ThreadLocal.withInitial(() -> 0);

    /** libtorch's default, read before it is changed. */
    private static final class LibtorchDefault {
        private static final int THREADS = JniUtils.getNumThreads();
    }

    /**
     * @param threads how many threads an operator uses; 0 for libtorch's default
     * @param isOnGpu where libtorch would compile fused kernels for each new combination of shapes, and stall that step
     */
    ThreadSetup(int threads, boolean isOnGpu) {
        int libtorchDefault = LibtorchDefault.THREADS;
        this.optimizeGraphs = !isOnGpu && !"false".equals(System.getProperty(GRAPH_OPTIMIZER));
        this.defaultThreads = threads > 0 ? threads : libtorchDefault;
    }

    int defaultThreads() {
        return defaultThreads;
    }

    /** Sets up the calling thread at its first call; returns at once later. */
    void prepare() {
        if (current.get() == 0) {
            setThreads(defaultThreads);
        }
    }

    /**
     * Sets the number of threads of the calling thread's operators. Returns at once if it is set already.
     *
     * <p>libgomp keeps a thread pool for each calling thread that has requested more than one thread. If the pools have
     * more threads than there are processors, all threads sleep at each barrier.
     */
    void setThreads(int threads) {
        if (current.get() == threads) {
            return;
        }
        // recording gradients makes a step of 3,000 small operations 20 percent slower
        JniUtils.setGradMode(false);
        JniUtils.setGraphExecutorOptimize(optimizeGraphs);
        // the first parallel loop of a thread uses the number that any thread has set last, unless it was read before
        JniUtils.getNumThreads();
        JniUtils.setNumThreads(threads);
        current.set(threads);
    }

    /**
     * Makes the operators of the calling thread single-threaded and, on Linux, raises its nice value. On other systems
     * the call would change the priority of the process and is omitted.
     */
    void lowerPriority() {
        if (System.getProperty("os.name").equals("Linux")) {
            try {
                Function.getFunction("c", "setpriority").invokeInt(new Object[] {THREAD, 0, NICE});
            } catch (UnsatisfiedLinkError e) {
                System.getLogger(ThreadSetup.class.getName())
                        .log(System.Logger.Level.DEBUG, "the priority of a background thread could not be lowered", e);
            }
        }
        setThreads(1);
    }
}
