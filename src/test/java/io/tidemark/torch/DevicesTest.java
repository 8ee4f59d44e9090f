package io.tidemark.torch;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.pytorch.engine.PtNDManager;
import io.tidemark.stream.LogCapture;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The device 'auto'")
class DevicesTest {

    @Test
    @Tag("cpu")
    @DisplayName("Is the CPU, with a warning if the machine has a driver of NVIDIA that libtorch cannot use")
    void warnsOfUnusedGpu(@TempDir Path folder) {
        assertThat(openOnCpu(folder))
                .hasSize(1)
                .first()
                .asString()
                .contains("libtorch cannot use cuda:0", "docs/gpu.md");
        assertThat(openOnCpu(folder.resolve("absent"))).isEmpty();
    }

    @Test
    @Tag("cuda")
    @DisplayName("Is the first GPU, if libtorch can use it, and its compute capability is known")
    void isTheGpu() {
        try (PtNDManager manager = Devices.open("auto")) {
            assertThat(manager.getDevice().toString()).isEqualTo("gpu(0)");
            assertThat(Devices.capability(manager.getDevice())).hasValue(90);
            assertThat(Devices.freeBytes(manager.getDevice())).isNotEmpty();
        }
    }

    private static List<String> openOnCpu(Path driver) {
        return LogCapture.of(Devices.class, () -> {
            try (PtNDManager manager = Devices.open("auto", driver)) {
                assertThat(manager.getDevice().isGpu()).isFalse();
            }
        });
    }
}
