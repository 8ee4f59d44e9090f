package io.tidemark.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("device and threads")
class TorchOptionsTest {

    @ParameterizedTest(name = "{0}")
    @DisplayName("take cpu, auto and a numbered GPU")
    @ValueSource(strings = {"cpu", "auto", "cuda:0", "cuda:12"})
    void takes(String device) {
        assertThat(new TorchOptions(device, 2).device()).isEqualTo(device);
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("refuse any other device, and say what there is")
    @ValueSource(strings = {"", "gpu", "cuda", "cuda:", "cuda:-1", "CPU", "cpu ", "mps"})
    void refuses(String device) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new TorchOptions(device, 0))
                .withMessageContaining("cpu, auto or cuda:N")
                .withMessageContaining("'" + device + "'");
    }

    @Test
    @DisplayName("refuse a negative number of threads")
    void refusesNegativeThreads() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new TorchOptions("cpu", -1))
                .withMessageContaining("-1");
    }

    @Test
    @DisplayName("a GPU that is not there stops the start by name")
    void namesAnAbsentGpu() {
        assertThatIllegalStateException()
                .isThrownBy(() -> Torch.open(new TorchOptions("cuda:99", 0)))
                .withMessageContaining("cuda:99");
    }
}
