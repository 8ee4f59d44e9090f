package io.tidemark.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.kvcache.KvBudget;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.TokenSampling;
import io.tidemark.fixture.CudaStandIn;
import io.tidemark.fixture.CudaStandIn.Kind;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.model.ComputeType;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("cuda")
@DisplayName("Steps as CUDA graphs")
class StepGraphsTest {

    private static final int ROWS = 8;
    private static final int LENGTH = 100;
    /** How many successive steps of a sequence have the same adapter: the first, the captured and a replayed one. */
    private static final int STEPS_OF_ADAPTER = 3;
    /** Enough for the plan of a step, and not for its layers. */
    private static final int SOME_ACTIVATIONS = 8 << 10;

    private final CudaStandIn device = CudaStandIn.open();
    private final Torch torch = Torch.open(FixtureModel.OPTIONS);

    @AfterEach
    void close() {
        device.close();
        torch.close();
    }

    @ParameterizedTest(name = "{0}, adapters: {1}")
    @CsvSource({
        "llama-gqa, ''",
        "llama-gqa, qv",
        "llama-gqa, qv all patterns some-layers",
        "llama-gqa, qv dora embeddings lm-head lora-bias modules-to-save",
        "mistral-window, ''",
        "mistral-window, qv"
    })
    @DisplayName("Have the logits of steps without graphs while sequences grow and adapters change rows")
    void sameLogits(String family, String adapters) {
        try (Sequences plain = new Sequences(family, Kernels.TORCH, adapters);
                Sequences graphs = new Sequences(family, Kernels.CUDA_GRAPHS, adapters)) {
            for (int step = 0; step < LENGTH; step++) {
                assertThat(graphs.step(0, ROWS)).as("step " + step).isDeepEqualTo(plain.step(0, ROWS));
            }
        }
    }

    @Test
    @DisplayName("Are captured when a step repeats, and then start as one kernel")
    void oneKernel() {
        try (Sequences graphs = new Sequences("llama-gqa", Kernels.CUDA_GRAPHS, "qv all patterns")) {
            long first = graphs.kernels();
            graphs.step(0, ROWS);
            long third = graphs.kernels();
            assertThat(first).isGreaterThan(60);
            assertThat(third).as(device.report(Kind.KERNEL)).isLessThanOrEqualTo(4);
        }
    }

    @Test
    @DisplayName("Have the right logits when there are more kinds of steps than graphs")
    void replaced() {
        try (Sequences plain = new Sequences("llama-gqa", Kernels.TORCH, "qv all patterns");
                Sequences graphs = new Sequences("llama-gqa", Kernels.CUDA_GRAPHS, "qv all patterns")) {
            int kinds = 0;
            for (int repeat = 0; repeat < 6; repeat++) {
                for (int from = 0; from < ROWS; from++) {
                    for (int to = from + 1; to <= ROWS; to++) {
                        kinds += repeat % 3 == 0 ? 1 : 0;
                        assertThat(graphs.step(from, to)).isDeepEqualTo(plain.step(from, to));
                    }
                }
            }
            assertThat(kinds).isGreaterThan(StepGraphs.MAX_GRAPHS);
        }
    }

    @ParameterizedTest(name = "{0} rows, adapters: {1}")
    // one on its own; three in a stack, which a larger one replaces; three with embeddings or heads
    @CsvSource({"1, qv all", "3, qv qv qv all all all", "3, embeddings lm-head embeddings"})
    @DisplayName("Have the right logits after the adapters of a step were replaced")
    void otherAdapters(int rows, String adapters) {
        try (Sequences plain = new Sequences("llama-gqa", Kernels.TORCH, adapters);
                Sequences graphs = new Sequences("llama-gqa", Kernels.CUDA_GRAPHS, adapters)) {
            for (int step = 0; step < 6 * STEPS_OF_ADAPTER; step++) {
                assertThat(graphs.step(0, rows)).as("step " + step).isDeepEqualTo(plain.step(0, rows));
            }
        }
    }

    @Test
    @DisplayName("Have the right logits after the memory of keys and values was replaced")
    void otherCache() {
        try (Sequences plain = new Sequences("llama-gqa", Kernels.TORCH, "");
                Sequences graphs = new Sequences("llama-gqa", Kernels.CUDA_GRAPHS, "")) {
            for (int pools = 0; pools < 3; pools++) {
                plain.startOver(pools);
                graphs.startOver(pools);
                for (int repeat = 0; repeat < 3; repeat++) {
                    assertThat(graphs.step(0, ROWS)).isDeepEqualTo(plain.step(0, ROWS));
                }
            }
        }
    }

    @Test
    @DisplayName("A step that fails while it is captured leaves later steps right")
    void failedCapture() {
        try (Sequences plain = new Sequences("llama-gqa", Kernels.TORCH, "qv all patterns");
                Sequences graphs = new Sequences("llama-gqa", Kernels.CUDA_GRAPHS, "qv all patterns")) {
            plain.step(0, ROWS);
            graphs.step(0, ROWS);
            List<StepRow> rows = graphs.rows(0, ROWS);
            device.limit(device.usedBytes() + SOME_ACTIVATIONS);
            assertThatThrownBy(() -> graphs.logits(rows)).hasStackTraceContaining("out of memory");
            device.startOver();
            float[][] expected = plain.step(0, ROWS);
            for (int repeat = 0; repeat < 3; repeat++) {
                assertThat(graphs.logits(rows)).isDeepEqualTo(expected);
            }
        }
    }

    @Test
    @DisplayName("Are refused on a processor")
    void needGpu() {
        ModelOptions options = new ModelOptions(ComputeType.FP32).with(Kernels.CUDA_GRAPHS);
        assertThatThrownBy(() -> KernelChoice.of(options, false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("kernels cuda-graphs need a GPU, such as the device cuda:0");
    }

    /** A model with sequences and adapters of its own. The same calls give the same tokens. */
    private final class Sequences implements AutoCloseable {

        private final LanguageModel model;
        private final List<LoraWeights> adapters;
        private KvPool pool;
        private List<KvSlot> slots;
        private final int[] lengths = new int[ROWS];
        private int firstToken;

        /** @param adapters names, separated by spaces */
        Sequences(String family, Kernels kernels, String adapters) {
            model = LanguageModel.load(
                    Folders.model(family), "base", torch, new ModelOptions(ComputeType.BF16).with(kernels));
            this.adapters = Stream.of(adapters.split(" "))
                    .filter(name -> !name.isEmpty())
                    .map(name -> AdapterStore.loadScaled(model, Folders.adapter(family, name), 1))
                    .toList();
            openPool();
        }

        private void openPool() {
            pool = new KvPool(model.decoder().kvCache(), new KvBudget(Long.MAX_VALUE), ROWS, 0);
            slots = IntStream.range(0, ROWS)
                    .mapToObj(i -> pool.reserve(LENGTH).orElseThrow())
                    .toList();
        }

        /** Begins new sequences with other tokens in other memory. */
        void startOver(int firstToken) {
            closePool();
            openPool();
            this.firstToken = firstToken;
            List<StepRow> prompts = new ArrayList<>();
            for (int i = 0; i < ROWS; i++) {
                lengths[i] = 0;
                prompts.add(row(i, 5));
            }
            logits(prompts);
        }

        /** The logits after one more token of the sequences {@code from .. to-1}. */
        float[][] step(int from, int to) {
            return logits(rows(from, to));
        }

        float[][] logits(List<StepRow> rows) {
            return model.decoder().logits(rows).toArray(float[][]::new);
        }

        /** How many kernels a step of all sequences starts. */
        long kernels() {
            step(0, ROWS);
            device.startOver();
            step(0, ROWS);
            return device.count(Kind.KERNEL);
        }

        List<StepRow> rows(int from, int to) {
            return IntStream.range(from, to).mapToObj(i -> row(i, 1)).toList();
        }

        private StepRow row(int i, int tokens) {
            int position = lengths[i];
            lengths[i] += tokens;
            return new StepRow(
                    slots.get(i),
                    IntStream.range(position, lengths[i])
                            .mapToObj(at -> (firstToken + i + 3 * at) % 11)
                            .toList(),
                    position,
                    adapter(i + position / STEPS_OF_ADAPTER),
                    new Boundary(1 + i % 2),
                    Optional.of(TokenSampling.greedy()));
        }

        private Optional<LoraWeights> adapter(int number) {
            return adapters.isEmpty() ? Optional.empty() : Optional.of(adapters.get(number % adapters.size()));
        }

        private void closePool() {
            slots.forEach(pool::release);
            pool.close();
        }

        @Override
        public void close() {
            closePool();
            adapters.forEach(LoraWeights::close);
            model.close();
        }
    }
}
