package io.tidemark.stream.serving;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.generation.EngineLimits;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.settings.TidemarkSettings.EngineSettings;
import io.tidemark.torch.Torch;
import io.tidemark.torch.TorchOptions;
import java.time.Duration;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The sizes of the engine")
class EngineSizesTest {

    private static final int PROCESSORS = 6;

    private static Torch torch;
    private static LanguageModel model;

    @BeforeAll
    static void load() {
        torch = Torch.open(new TorchOptions("cpu", PROCESSORS));
        model = LanguageModel.load(Folders.model("llama-gqa"), "base", torch, FixtureModel.FP32);
    }

    @AfterAll
    static void close() {
        model.close();
        torch.close();
    }

    @Test
    @DisplayName("Use the setting kv-bytes on a CPU and on a GPU")
    void kvBytesAreSet() {
        assertThat(kvBytes(Map.of("tidemark.engine.kv-bytes", "3M"), OptionalLong.of(80L << 30)))
                .isEqualTo(3 << 20);
        assertThat(kvBytes(Map.of("tidemark.engine.kv-bytes", "3M"), OptionalLong.empty()))
                .isEqualTo(3 << 20);
    }

    @Test
    @DisplayName(
            "Default to 512 MiB for keys and values on a CPU, and to 4/5 of the memory beside weights and adapters on a GPU")
    void kvBytesAreDerived() {
        assertThat(kvBytes(Map.of(), OptionalLong.empty())).isEqualTo(512 << 20);
        assertThat(kvBytes(Map.of(), OptionalLong.of(11L << 30))).isBetween((8L << 30) - 5, 8L << 30);
    }

    @Test
    @DisplayName(
            "Default to 16 sequences per processor, fewer if the memory holds fewer sequences of 512 tokens, and at least 8")
    void maxNumSeqs() {
        long sequence = 512 * decoder().kvBytesPerToken();
        assertThat(of(Map.of(), OptionalLong.empty()).limits().maxNumSeqs()).isEqualTo(16 * PROCESSORS);
        assertThat(of(Map.of("tidemark.engine.kv-bytes", String.valueOf(20 * sequence)), OptionalLong.empty())
                        .limits()
                        .maxNumSeqs())
                .isEqualTo(20);
        assertThat(of(Map.of("tidemark.engine.kv-bytes", String.valueOf(sequence)), OptionalLong.empty())
                        .limits()
                        .maxNumSeqs())
                .isEqualTo(8);
        assertThat(of(Map.of("tidemark.engine.max-num-seqs", "3"), OptionalLong.empty())
                        .limits()
                        .maxNumSeqs())
                .isEqualTo(3);
    }

    @Test
    @DisplayName("Are rejected with the name of the setting if adapters fill the memory of the GPU")
    void noRoom() {
        assertThatThrownBy(() -> kvBytes(Map.of("tidemark.engine.adapter-bytes", "8G"), OptionalLong.of(8L << 30)))
                .hasMessageContaining("tidemark.engine.adapter-bytes");
    }

    @Test
    @DisplayName("Have the time for masks of the setting")
    void maskTime() {
        assertThat(of(Map.of(), OptionalLong.empty()).limits().maskTimePerStep())
                .isEqualTo(EngineLimits.MASK_TIME_PER_STEP);
        assertThat(of(Map.of("tidemark.limits.format-step-time", "0.5S"), OptionalLong.empty())
                        .limits()
                        .maskTimePerStep())
                .isEqualTo(Duration.ofMillis(500));
    }

    private static long kvBytes(Map<String, String> values, OptionalLong freeGpuBytes) {
        return of(values, freeGpuBytes).limits().kvBytes();
    }

    private static EngineSizes of(Map<String, String> values, OptionalLong freeGpuBytes) {
        return EngineSizes.of(engine(values), TestSettings.with(values).limits(), decoder(), freeGpuBytes);
    }

    private static Decoder decoder() {
        return model.decoder();
    }

    private static EngineSettings engine(Map<String, String> values) {
        return TestSettings.with(values).engine();
    }
}
