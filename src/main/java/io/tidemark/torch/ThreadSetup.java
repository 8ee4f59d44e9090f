package io.tidemark.torch;

import ai.djl.pytorch.jni.JniUtils;
import com.sun.jna.Function;
import com.sun.jna.Library;
import com.sun.jna.NativeLibrary;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Sets up each thread that calls libtorch: whether gradients are recorded, whether graphs are optimized and the number
 * of threads of an operator are settings of the calling thread. Safe for use by several threads.
 */
final class ThreadSetup {

    /** {@code PRIO_PROCESS}, which applies to a thread on Linux; the id 0 is the calling thread. */
    private static final int THREAD = 0;
    /** The nice value of a background thread. */
    private static final int NICE = 10;
    /** {@code omp_pause_soft} of OpenMP 5.0: settings remain. */
    private static final int OMP_PAUSE_SOFT = 1;

    /**
     * DJL's property, {@code true} by default: {@code false} shortens the first calls of a script and may slow down
     * later ones.
     */
    private static final String GRAPH_OPTIMIZER = "ai.djl.pytorch.graph_optimizer";

    private final int defaultThreads;
    private final boolean optimizeGraphs = !"false".equals(System.getProperty(GRAPH_OPTIMIZER));
    /** The number of threads that was set for the calling thread; 0 before its first call. */
    private final ThreadLocal<Integer> current = ThreadLocal.withInitial(() -> 0);

    /** Whether libgomp may keep a team of several threads for the calling thread. */
    private final ThreadLocal<Boolean> hasTeam = ThreadLocal.withInitial(() -> false);

    /** libgomp's function that ends the calling thread's team; empty where libtorch uses another library. */
    private static final class PauseResources {

        private static final Path MAPPINGS = Path.of("/proc/self/maps");
        /** dlopen's {@code RTLD_LAZY}, without {@code RTLD_GLOBAL}. */
        private static final int LAZY = 1;

        private static final Optional<Function> FUNCTION = find();

        private static Optional<Function> find() {
            try (Stream<String> mappings = Files.lines(MAPPINGS, StandardCharsets.ISO_8859_1)) {
                return mappings.map(line -> line.substring(line.indexOf('/') + 1))
                        .filter(path ->
                                path.substring(path.lastIndexOf('/') + 1).startsWith("libgomp"))
                        .findFirst()
                        .map(path -> NativeLibrary.getInstance("/" + path, Map.of(Library.OPTION_OPEN_FLAGS, LAZY))
                                .getFunction("omp_pause_resource_all"));
            } catch (IOException | UncheckedIOException | LinkageError e) {
                System.getLogger(ThreadSetup.class.getName())
                        .log(System.Logger.Level.DEBUG, "the threads of a parked thread remain", e);
                return Optional.empty();
            }
        }
    }

    /** libtorch's default, read before it is changed. */
    private static final class LibtorchDefault {
        private static final int THREADS = JniUtils.getNumThreads();
    }

    /** @param threads of an operator; 0 for libtorch's default */
    ThreadSetup(int threads) {
        int libtorchDefault = LibtorchDefault.THREADS;
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
     * more threads than there are processors, all threads sleep at each barrier. {@link #releaseTeam} ends the pool of
     * the calling thread.
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
        hasTeam.set(hasTeam.get() || threads > 1);
    }

    /** Ends the calling thread's pool, where libtorch uses libgomp. The next wide operator starts another one. */
    void releaseTeam() {
        if (hasTeam.get()) {
            PauseResources.FUNCTION.ifPresent(pause -> pause.invokeInt(new Object[] {OMP_PAUSE_SOFT}));
            hasTeam.set(current.get() > 1);
        }
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
