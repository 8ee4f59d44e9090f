package io.tidemark.torch;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.util.cuda.CudaUtils;
import java.lang.management.MemoryUsage;
import java.util.OptionalLong;

/**
 * Selects the device. The only class that names devices; tensors are created by the manager that {@link #open} returns.
 */
final class Devices {

    private Devices() {}

    /**
     * Loads libtorch and creates the manager of a device. DJL downloads nothing and sends no usage data.
     *
     * @param name {@code cpu}, {@code cuda:N} or {@code auto}
     * @throws IllegalStateException if libtorch cannot be loaded, or the device does not exist
     */
    static PtNDManager open(String name) {
        Engine engine = engine();
        return (PtNDManager) engine.newBaseManager(device(name, engine));
    }

    /** How many bytes of a GPU are unused; empty for a CPU, and if CUDA does not report them. */
    static OptionalLong freeBytes(Device device) {
        if (!device.isGpu()) {
            return OptionalLong.empty();
        }
        try {
            MemoryUsage memory = CudaUtils.getGpuMemory(device);
            return OptionalLong.of(memory.getMax() - memory.getUsed());
        } catch (RuntimeException | LinkageError e) {
            // needs the CUDA runtime, which may not be visible if libtorch is installed separately
            return OptionalLong.empty();
        }
    }

    private static Device device(String name, Engine engine) {
        int gpus = name.equals("cpu") ? 0 : engine.getGpuCount();
        if (name.equals("cpu") || name.equals("auto") && gpus == 0) {
            return Device.cpu();
        }
        int index = name.equals("auto") ? 0 : Integer.parseInt(name.substring("cuda:".length()));
        if (index >= gpus) {
            throw new IllegalStateException("device " + name + " does not exist: libtorch finds " + gpus
                    + " GPUs (the CPU build of libtorch finds none; see docs/gpu.md)");
        }
        return Device.gpu(index);
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
