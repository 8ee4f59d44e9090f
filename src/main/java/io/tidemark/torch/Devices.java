package io.tidemark.torch;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.pytorch.engine.PtNDManager;
import com.sun.jna.Function;
import com.sun.jna.NativeLong;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.NativeLongByReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Selects the device. The only class that names devices; tensors are created by the manager that {@link #open} returns.
 */
final class Devices {

    private static final System.Logger LOG = System.getLogger(Devices.class.getName());

    /** Exists on a machine with a driver of NVIDIA. */
    private static final Path NVIDIA_DRIVER = Path.of("/dev/nvidiactl");
    /** The names of the CUDA runtime that libtorch may have loaded; the loader finds a loaded library by its name. */
    private static final List<String> CUDA_RUNTIMES = List.of("libcudart.so.12", "libcudart.so.13");

    private static final int CUDA_SUCCESS = 0;
    /** {@code cudaDevAttrComputeCapabilityMajor} and {@code Minor}. */
    private static final int COMPUTE_CAPABILITY_MAJOR = 75;

    private static final int COMPUTE_CAPABILITY_MINOR = 76;

    /** The words of C10_CUDA_CHECK, AT_CUDA_DRIVER_CHECK, cuBLAS and cuDNN in messages of libtorch. */
    private static final List<String> DEVICE_ERRORS = List.of("CUDA error", "CUDA driver error", "cuDNN error");

    private static final List<String> MEMORY_ERRORS = List.of("out of memory", "ALLOC_FAILED");

    private Devices() {}

    /**
     * Loads libtorch and creates the manager of a device. DJL downloads nothing and sends no usage data.
     *
     * @param name {@code cpu}, {@code cuda:N} or {@code auto}
     * @throws IllegalStateException if libtorch cannot be loaded, or cannot use the device
     */
    static PtNDManager open(String name) {
        return open(name, NVIDIA_DRIVER);
    }

    /** @param nvidiaDriver if it exists, {@code auto} warns when it selects the CPU */
    static PtNDManager open(String name, Path nvidiaDriver) {
        Engine engine = engine();
        if (name.equals("cpu")) {
            return cpu(engine);
        }
        boolean auto = name.equals("auto");
        int index = auto ? 0 : Integer.parseInt(name.substring("cuda:".length()));
        PtNDManager manager = (PtNDManager) engine.newBaseManager(Device.gpu(index));
        // libtorch knows whether it can use a device when it has a tensor there
        try (NDArray trial = manager.create(new long[] {index})) {
            trial.toLongArray();
            return manager;
        } catch (EngineException e) {
            manager.close();
            String reason = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
            if (!auto) {
                throw new IllegalStateException(
                        "device " + name + " cannot be used: " + reason
                                + " (the CPU build of libtorch has no GPU; see docs/gpu.md)",
                        e);
            }
            if (Files.exists(nvidiaDriver)) {
                LOG.log(
                        System.Logger.Level.WARNING,
                        "this machine has a driver of NVIDIA, but device 'auto' is the CPU, because libtorch cannot use"
                                + " cuda:0: " + reason + " (docs/gpu.md says how to use a GPU; device 'cpu' does not"
                                + " warn)");
            }
            return cpu(engine);
        }
    }

    private static PtNDManager cpu(Engine engine) {
        return (PtNDManager) engine.newBaseManager(Device.cpu());
    }

    /** How many bytes of a GPU are unused; empty for a CPU, and if CUDA does not report them. */
    static OptionalLong freeBytes(Device device) {
        if (!device.isGpu()) {
            return OptionalLong.empty();
        }
        NativeLongByReference free = new NativeLongByReference(new NativeLong());
        NativeLongByReference total = new NativeLongByReference(new NativeLong());
        return call("cudaSetDevice", device.getDeviceId()) && call("cudaMemGetInfo", free, total)
                ? OptionalLong.of(free.getValue().longValue())
                : OptionalLong.empty();
    }

    /** The compute capability of a GPU times ten, 0 if CUDA does not report it; empty for a CPU. */
    static OptionalInt capability(Device device) {
        if (!device.isGpu()) {
            return OptionalInt.empty();
        }
        IntByReference major = new IntByReference();
        IntByReference minor = new IntByReference();
        boolean known = call("cudaDeviceGetAttribute", major, COMPUTE_CAPABILITY_MAJOR, device.getDeviceId())
                && call("cudaDeviceGetAttribute", minor, COMPUTE_CAPABILITY_MINOR, device.getDeviceId());
        return OptionalInt.of(known ? 10 * major.getValue() + minor.getValue() : 0);
    }

    /**
     * Whether CUDA reported an error that stays: each later call of the process fails. One that is out of memory can
     * go on, after the call that failed.
     */
    static boolean isLost(EngineException failure) {
        String message = String.valueOf(failure.getMessage());
        return DEVICE_ERRORS.stream().anyMatch(message::contains)
                && MEMORY_ERRORS.stream().noneMatch(message::contains);
    }

    /** Calls a function of the CUDA runtime; returns whether it succeeded. */
    private static boolean call(String function, Object... arguments) {
        for (String runtime : CUDA_RUNTIMES) {
            try {
                return Function.getFunction(runtime, function).invokeInt(arguments) == CUDA_SUCCESS;
            } catch (UnsatisfiedLinkError e) {
                LOG.log(System.Logger.Level.DEBUG, "the process has no {0}", runtime);
            }
        }
        LOG.log(
                System.Logger.Level.WARNING,
                "{0} of CUDA could not be called, because none of {1} was found",
                function,
                CUDA_RUNTIMES);
        return false;
    }

    static Engine engine() {
        System.setProperty("OPT_OUT_TRACKING", "true");
        System.setProperty("ai.djl.offline", "true");
        try {
            return Engine.getEngine("PyTorch");
        } catch (RuntimeException | LinkageError e) {
            throw new IllegalStateException(
                    "libtorch could not be loaded: " + reason(e)
                            + " (use a build for this platform, or set PYTORCH_LIBRARY_PATH to an installed libtorch"
                            + " 2.7.1, with PYTORCH_VERSION=2.7.1 and PYTORCH_FLAVOR=cpu or cu128)",
                    e);
        }
    }

    /** The message of the root cause: DJL wraps a failed load of a library more than once. */
    private static String reason(Throwable failure) {
        Throwable reason = failure;
        while (reason.getCause() != null) {
            reason = reason.getCause();
        }
        return String.valueOf(reason.getMessage());
    }
}
