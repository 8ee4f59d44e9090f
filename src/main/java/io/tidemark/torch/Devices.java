package io.tidemark.torch;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.util.cuda.CudaUtils;
import java.lang.management.MemoryUsage;
import java.util.OptionalLong;

/** Where tensors live. The only place that names a device; whatever makes a tensor takes it from the manager made here. */
final class Devices {

    private Devices() {}

    /**
     * Loads libtorch for a device. DJL neither reports home nor downloads anything.
     *
     * @param name {@code cpu}, {@code cuda:N} or {@code auto}
     * @throws IllegalStateException when libtorch cannot be loaded, or the device is not there
     */
    static PtNDManager open(String name) {
        Engine engine = engine();
        return (PtNDManager) engine.newBaseManager(device(name, engine));
    }

    static OptionalLong freeBytes(Device device) {
        if (!device.isGpu()) {
            return OptionalLong.empty();
        }
        try {
            MemoryUsage memory = CudaUtils.getGpuMemory(device);
            return OptionalLong.of(memory.getMax() - memory.getUsed());
        } catch (RuntimeException | LinkageError e) {
            // asked through CUDA's runtime, which an installed libtorch may keep to itself
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
            throw new IllegalStateException("device " + name + " is not there: libtorch sees " + gpus
                    + " GPUs (the natives for CPUs see none; see docs/gpu.md)");
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
                            + " (use a build with the natives of this platform, or set PYTORCH_LIBRARY_PATH to an installed libtorch"
                            + " 2.7.1, with PYTORCH_VERSION=2.7.1 and PYTORCH_FLAVOR=cpu or cu128)",
                    e);
        }
    }

    /** A library that fails to load is wrapped on its way, and once more for whoever asks later. */
    private static String reason(Throwable failure) {
        Throwable reason = failure;
        while (reason.getCause() != null) {
            reason = reason.getCause();
        }
        return String.valueOf(reason.getMessage());
    }
}
