package io.tidemark.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.Penalties;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.decoder.sampling.TokenCounts;
import io.tidemark.decoder.sampling.TokenSampling;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.SupportedKernels;
import io.tidemark.fixture.TensorFile;
import io.tidemark.model.ComputeType;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("Native memory of the decoder")
class DecoderMemoryTest {

    private static final int PARTS = 5;
    private static final int STEPS_A_PART = 2_000;
    private static final long ALLOWED_KIB = 8 * 1024;

    @ParameterizedTest(name = "{0}, {1}")
    @CsvSource({"FP32, TORCH", "INT8, AUTO"})
    @EnabledOnOs(OS.LINUX)
    @DisplayName("10,000 decode steps do not leak memory")
    void staysFlat(ComputeType type, Kernels kernels, @TempDir Path temp) throws IOException {
        SupportedKernels.assume(type, kernels);
        Path folder = oneLayer(Folders.copyOfModel("llama-gqa", temp), "model.safetensors");
        Folders.edit(folder.resolve("config.json"), root -> root.put("num_hidden_layers", 1));
        Path adapter = oneLayer(Folders.copyOfAdapter("llama-gqa", "qv", temp), "adapter_model.safetensors");
        try (Torch torch = Torch.open(FixtureModel.OPTIONS);
                LanguageModel model = LanguageModel.load(folder, "base", torch, new ModelOptions(type).with(kernels));
                AdapterStore store = new AdapterStore(model);
                KvPool pool = new KvPool(model.decoder().kvCache(), Long.MAX_VALUE)) {
            KvSlot slot = pool.reserve(64).orElseThrow();
            Optional<LoraWeights> lora = Optional.of(store.load("qv", adapter).weights());
            decode(model.decoder(), slot, lora, STEPS_A_PART);
            List<Long> growth = new ArrayList<>();
            for (int part = 0; part < PARTS; part++) {
                long before = residentKib();
                decode(model.decoder(), slot, lora, STEPS_A_PART);
                growth.add(residentKib() - before);
            }
            assertThat(median(growth))
                    .as("median of the growth in KiB %s", growth)
                    .isLessThan(ALLOWED_KIB);
        }
    }

    /** A leak grows in every part; the Java heap, which other tests share, grows in a few large steps. */
    private static long median(List<Long> values) {
        return values.stream().sorted().skip(values.size() / 2).findFirst().orElseThrow();
    }

    /** Leaks depend on calls, not on layers, and one layer is faster than six. */
    static Path oneLayer(Path folder, String weights) {
        TensorFile file = TensorFile.read(folder.resolve(weights));
        file.tensors().keySet().removeIf(name -> name.matches(".*layers\\.[1-9].*"));
        file.write(folder.resolve(weights));
        return folder;
    }

    /** Uses all values of a step: sampling, penalty, log-probabilities with alternatives. */
    private static void decode(Decoder decoder, KvSlot slot, Optional<LoraWeights> lora, int steps) {
        SamplingParams sampling = new SamplingParams(0.8, 0.9, 40, 0.01, new Penalties(1.1, 0.1, 0.1), Map.of(3, 1.0));
        TokenSampling rule = TokenSampling.of(sampling, 0.5)
                .withCounts(new TokenCounts(List.of(7, 8)))
                .withTop(3);
        for (int i = 0; i < steps; i++) {
            decoder.step(List.of(new StepRow(slot, List.of(5), i % 64, lora, new Boundary(1), Optional.of(rule))));
        }
    }

    /** Collects garbage, so that the remaining growth is native. */
    private static long residentKib() throws IOException {
        System.gc();
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("VmRSS:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                .findFirst()
                .orElseThrow();
    }
}
