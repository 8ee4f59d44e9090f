package io.tidemark.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Torch options")
class TorchOptionsTest {

    @ParameterizedTest(name = "{0}")
    @DisplayName("cpu, auto and a numbered GPU are valid devices")
    @ValueSource(strings = {"cpu", "auto", "cuda:0", "cuda:12"})
    void accepts(String device) {
        assertThat(new TorchOptions(device, 2).device()).isEqualTo(device);
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Any other device is refused, and the message lists the valid ones")
    @ValueSource(strings = {"", "gpu", "cuda", "cuda:", "cuda:-1", "CPU", "cpu ", "mps"})
    void refuses(String device) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new TorchOptions(device, 0))
                .withMessageContaining("cpu, auto or cuda:N")
                .withMessageContaining("'" + device + "'");
    }

    @Test
    @DisplayName("A negative number of threads is refused")
    void refusesNegativeThreads() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new TorchOptions("cpu", -1))
                .withMessageContaining("-1");
    }

    @Test
    @Tag("cpu")
    @DisplayName("A GPU that does not exist is refused by name")
    void namesAnAbsentGpu() {
        assertThatIllegalStateException()
                .isThrownBy(() -> Torch.open(new TorchOptions("cuda:99", 0)))
                .withMessageContaining("cuda:99");
    }
}
