package io.tidemark.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.SupportedKernels;
import io.tidemark.model.ComputeType;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("Compute types")
class ComputeTypesTest {

    private static final List<String> ADAPTERS = List.of("all", "qv", "patterns", "some-layers");

    private static Torch torch;

    @BeforeAll
    static void open() {
        torch = Torch.open(FixtureModel.OPTIONS);
    }

    @AfterAll
    static void close() {
        torch.close();
    }

    /**
     * On processors without VNNI, activations of int8 have 7 bits, and the error is larger. On a GPU, adapters and the
     * outputs of linears are bf16 too.
     */
    @ParameterizedTest
    @CsvSource({
        "BF16, TORCH, 0.03",
        "INT8, TORCH, 0.15",
        "INT8, AUTO, 0.15",
        "INT8, AMX, 0.15",
        "INT8, VNNI_BF16, 0.15",
        "INT8, VNNI, 0.15",
        "INT8, AVX2, 0.15"
    })
    @DisplayName("Logits of a mixed batch are equal to those of fp32 within the error of the type")
    void agreeWithFloat32(ComputeType type, Kernels kernels, double error) {
        SupportedKernels.assume(type, kernels);
        try (AdapterBatch exact = new AdapterBatch(torch, FixtureModel.FP32);
                AdapterBatch rough = new AdapterBatch(torch, new ModelOptions(type).with(kernels))) {
            assertThat(AdapterBatch.relativeError(rough.logits(ADAPTERS), exact.logits(ADAPTERS)))
                    .isBetween(1e-5, error);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "llama-gqa, BF16, TORCH, 0.02",
        "llama-gqa, INT8, TORCH, 0.1",
        "llama-gqa, INT8, AMX, 0.1",
        "llama-gqa, INT8, VNNI_BF16, 0.1",
        "llama-gqa, INT8, VNNI, 0.1",
        "llama-gqa, INT8, AVX2, 0.1",
        "mistral-window, BF16, TORCH, 0.02",
        "mistral-window, INT8, TORCH, 0.1",
        "mistral-window, INT8, AMX, 0.1",
        "mistral-window, INT8, VNNI_BF16, 0.1",
        "mistral-window, INT8, VNNI, 0.1",
        "mistral-window, INT8, AVX2, 0.1",
        "llama-biased-mha, INT8, TORCH, 0.1",
        "llama-biased-mha, INT8, AMX, 0.1",
        "llama-biased-mha, INT8, VNNI_BF16, 0.1",
        "llama-biased-mha, INT8, VNNI, 0.1",
        "llama-biased-mha, INT8, AVX2, 0.1"
    })
    @DisplayName(
            "Logits of decode steps are equal to those of fp32 within the error, with one, two and six query heads per key head and with biases")
    void decode(String family, ComputeType type, Kernels kernels, double error) {
        SupportedKernels.assume(type, kernels);
        List<String> adapters = List.of("qv:0", "qv:1", "qv:2", "qv:3", "qv:4");
        try (AdapterBatch exact = new AdapterBatch(torch, FixtureModel.FP32, family);
                AdapterBatch rough = new AdapterBatch(torch, new ModelOptions(type).with(kernels), family)) {
            assertThat(AdapterBatch.relativeError(rough.decodedLogits(adapters), exact.decodedLogits(adapters)))
                    .isBetween(1e-5, error);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "llama-gqa, FP32, TORCH",
        "llama-gqa, BF16, TORCH",
        "llama-gqa, INT8, TORCH",
        "llama-gqa, INT8, AUTO",
        "mistral-window, FP32, TORCH",
        "mistral-window, INT8, TORCH",
        "mistral-window, INT8, AUTO"
    })
    @DisplayName("A step without sampling runs with a vocabulary that is searched in parts and one that is not")
    void stepsWithoutSampling(String family, ComputeType type, Kernels kernels) {
        SupportedKernels.assume(type, kernels);
        try (AdapterBatch loaded = new AdapterBatch(torch, new ModelOptions(type).with(kernels), family)) {
            assertThat(loaded.step(List.of(5, 6, 7))).isEmpty();
        }
    }

    @Test
    @DisplayName("Deterministic mode is refused for types other than int8")
    void determinismNeedsInt8() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ModelOptions(ComputeType.BF16, true))
                .withMessageContaining("int8");
    }
}
