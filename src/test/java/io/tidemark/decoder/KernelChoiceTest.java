package io.tidemark.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.tidemark.model.ComputeType;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.OperatorLibrary.Family;
import io.tidemark.torch.OperatorLibrary.Loading;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("The choice of kernels")
class KernelChoiceTest {

    private static final Loading MISSING = new Loading(Optional.empty(), Optional.of("the library is for Linux"));
    private static final ModelOptions INT8 = new ModelOptions(ComputeType.INT8);

    @ParameterizedTest
    @EnumSource(Family.class)
    @DisplayName("'auto', the default, is the fastest of the processor")
    void fastest(Family best) {
        assertThat(KernelChoice.of(INT8, false, () -> has(best))).hasToString(best.name());
    }

    @Test
    @DisplayName("'auto' is 'torch' without the library, on a GPU, and for other types than int8")
    void fallsBack() {
        assertThat(KernelChoice.of(INT8.with(Kernels.AUTO), false, () -> MISSING))
                .isEqualTo(Kernels.TORCH);
        assertThat(KernelChoice.of(INT8.with(Kernels.AUTO), true, () -> has(Family.AMX)))
                .isEqualTo(Kernels.TORCH);
        assertThat(KernelChoice.of(new ModelOptions(ComputeType.BF16).with(Kernels.AUTO), false, () -> has(Family.AMX)))
                .isEqualTo(Kernels.TORCH);
    }

    @Test
    @DisplayName("'torch' does not load the library")
    void isIndependent() {
        assertThat(KernelChoice.of(INT8.with(Kernels.TORCH), false, () -> {
                    throw new AssertionError("loaded");
                }))
                .isEqualTo(Kernels.TORCH);
    }

    @ParameterizedTest
    @CsvSource({"AVX2, VNNI", "VNNI, VNNI_BF16", "VNNI_BF16, AMX"})
    @DisplayName("Kernels that the processor lacks are refused, and the message names its fastest")
    void refuses(Family best, Kernels wanted) {
        assertThat(KernelChoice.of(INT8.with(Kernels.valueOf(best.name())), false, () -> has(best)))
                .hasToString(best.name());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> KernelChoice.of(INT8.with(wanted), false, () -> has(best)))
                .withMessageContaining(wanted.label())
                .withMessageContaining(
                        "its fastest are " + Kernels.valueOf(best.name()).label());
    }

    @Test
    @DisplayName("Kernels without their library are refused with the reason, and other types than int8 with the type")
    void explains() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> KernelChoice.of(INT8.with(Kernels.AVX2), false, () -> MISSING))
                .withMessageContaining("the library is for Linux");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ModelOptions(ComputeType.FP32).with(Kernels.AMX))
                .withMessage("kernels amx need the compute type int8, not fp32");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Kernels.of("sse"))
                .withMessageContaining("torch, auto, amx, vnni-bf16, vnni, avx2, cuda-graphs");
    }

    private static Loading has(Family best) {
        return new Loading(Optional.of(best), Optional.empty());
    }
}
