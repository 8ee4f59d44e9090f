package io.tidemark.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The choice of a compute type")
class ComputeTypeChoiceTest {

    @ParameterizedTest
    @CsvSource({
        "false, amd64, INT8",
        "false, x86_64, INT8",
        "false, aarch64, FP32",
        "false, riscv64, FP32",
        "true, amd64, BF16",
        "true, aarch64, BF16"
    })
    @DisplayName("'auto' is bf16 on a GPU, int8 on an x86-64 processor, and fp32 on another one")
    void auto(boolean onGpu, String architecture, ComputeType expected) {
        assertThat(ComputeTypeChoice.of("auto").resolve(onGpu, architecture)).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({"fp32, true, amd64", "bf16, false, amd64", "int8, false, aarch64", "int8, true, amd64"})
    @DisplayName("A type that is named is used on every device and architecture")
    void named(String name, boolean onGpu, String architecture) {
        ComputeTypeChoice choice = ComputeTypeChoice.of(name);
        assertThat(choice).hasToString(name);
        assertThat(choice.resolve(onGpu, architecture).label()).isEqualTo(name);
    }

    @Test
    @DisplayName("Another name is refused with the names that exist")
    void unknown() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ComputeTypeChoice.of("fp8"))
                .withMessage("compute type must be one of auto, fp32, bf16, int8, not 'fp8'");
    }
}
