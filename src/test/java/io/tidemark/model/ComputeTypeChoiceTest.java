package io.tidemark.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.OptionalInt;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The choice of a compute type")
class ComputeTypeChoiceTest {

    @ParameterizedTest
    @CsvSource({
        ", amd64, INT8",
        ", x86_64, INT8",
        ", aarch64, FP32",
        ", riscv64, FP32",
        "80, amd64, BF16",
        "90, aarch64, BF16",
        "75, amd64, FP32",
        "0, amd64, FP32"
    })
    @DisplayName("'auto' is bf16 on a GPU that multiplies it, int8 on an x86-64 processor, and fp32 elsewhere")
    void auto(Integer capability, String architecture, ComputeType expected) {
        assertThat(ComputeTypeChoice.of("auto").resolve(gpu(capability), architecture))
                .isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({"fp32, 90, amd64", "bf16,, amd64", "bf16, 75, amd64", "int8,, aarch64", "int8, 90, amd64"})
    @DisplayName("A type that is named is used on every device and architecture")
    void named(String name, Integer capability, String architecture) {
        ComputeTypeChoice choice = ComputeTypeChoice.of(name);
        assertThat(choice).hasToString(name);
        assertThat(choice.resolve(gpu(capability), architecture).label()).isEqualTo(name);
    }

    @Test
    @DisplayName("Another name is refused with the names that exist")
    void unknown() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ComputeTypeChoice.of("fp8"))
                .withMessage("compute type must be one of auto, fp32, bf16, int8, not 'fp8'");
    }

    /** @param capability null for a processor */
    private static OptionalInt gpu(Integer capability) {
        return capability == null ? OptionalInt.empty() : OptionalInt.of(capability);
    }
}
