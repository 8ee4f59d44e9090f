package io.tidemark.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.kvcache.KvBudget;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.sampling.TokenSampling;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.SupportedKernels;
import io.tidemark.fixture.TensorFile;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Models with a sliding window")
@ParameterizedClass(name = "{0}")
@MethodSource("io.tidemark.fixture.SupportedKernels#independentRows")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SlidingWindowTest {

    @Parameter
    private ModelOptions options;

    @TempDir
    private static Path temp;

    private static final int CONTEXT = 2048;
    private static final int WINDOW = 24;
    /** The window and the queries of a call, in whole tiles. */
    private static final int RING = 320;

    private static final int LENGTH = 1500;

    private Torch torch;
    private LanguageModel sliding;
    private LanguageModel mixed;

    @BeforeParameterizedClassInvocation
    void load() {
        SupportedKernels.assume(options.computeType());
        torch = Torch.open(FixtureModel.OPTIONS);
        Path folder = temp.resolve(options.kernels().label());
        sliding = load(
                folder.resolve("sliding"),
                root -> root.put("model_type", "mistral").put("sliding_window", WINDOW));
        mixed = load(
                folder.resolve("mixed"),
                root -> root.put("model_type", "qwen2")
                        .put("sliding_window", WINDOW)
                        .put("use_sliding_window", true)
                        .put("max_window_layers", 2));
    }

    /** The weights of a Llama with biases added to queries, keys and values, under another config. */
    private LanguageModel load(Path folder, Consumer<ObjectNode> change) {
        Path copy = Folders.copyOfModel("llama-gqa", folder);
        Folders.edit(copy.resolve("config.json"), root -> {
            root.put("max_position_embeddings", CONTEXT);
            change.accept(root);
            if (root.path("model_type").asText().equals("qwen2")) {
                addBiases(copy.resolve("model.safetensors"));
            }
        });
        return LanguageModel.load(copy, "sliding", torch, options);
    }

    private static void addBiases(Path weights) {
        TensorFile file = TensorFile.read(weights);
        for (int layer = 0; layer < 6; layer++) {
            for (String module : List.of("q", "k", "v")) {
                int width = module.equals("q") ? 64 : 32;
                String name = "model.layers." + layer + ".self_attn." + module + "_proj.bias";
                file.with(name, new TensorFile.Tensor("F32", new long[] {width}, new byte[width * Float.BYTES]))
                        .withValue(name, 1 + layer, 0.3f);
            }
        }
        file.write(weights);
    }

    @AfterParameterizedClassInvocation
    void close() {
        sliding.close();
        mixed.close();
        torch.close();
    }

    @Test
    @DisplayName("A long sequence needs no more memory than its window and a chunk")
    void staysBounded() {
        long tokenBytes = sliding.decoder().kvBytesPerToken();
        KvBudget budget = new KvBudget(Long.MAX_VALUE);
        try (KvPool pool = new KvPool(sliding.decoder().kvCache(), budget, 8, 0)) {
            pool.reserve(CONTEXT);
            assertThat(budget.reserved()).isEqualTo(8 * RING * tokenBytes);
            pool.reserve(RING);
            pool.reserve(700);
            assertThat(budget.reserved()).as("they share the block").isEqualTo(8 * RING * tokenBytes);
        }
        try (KvPool pool = new KvPool(sliding.decoder().kvCache(), RING * tokenBytes)) {
            assertThat(pool.canEverHold(CONTEXT, 1)).isTrue();
            assertThat(pool.reserve(CONTEXT)).isPresent();
        }
    }

    @Test
    @DisplayName("Layers without a window store all tokens, the others use a ring")
    void mixesLayers() {
        long layerBytes = mixed.decoder().kvBytesPerToken() / 6;
        KvBudget budget = new KvBudget(Long.MAX_VALUE);
        try (KvPool pool = new KvPool(mixed.decoder().kvCache(), budget, 8, 0)) {
            pool.reserve(1536);
            assertThat(budget.reserved()).isEqualTo(8 * layerBytes * (2 * 1536 + 4 * RING));
        }
    }

    @Test
    @DisplayName("Steps with rings compute the same as teacher forcing, for chunks and neighbouring rows of any size")
    void isExact() {
        for (LanguageModel model : List.of(sliding, mixed)) {
            List<Integer> tokens = IntStream.range(0, LENGTH)
                    .mapToObj(i -> 3 + (i * i + 7 * i) % 400)
                    .toList();
            double[] expected = forced(model, tokens);
            for (List<Integer> chunkSizes :
                    List.of(List.of(LENGTH - 20, 1), List.of(17, 1, 300, 1, 1, 64), List.of(256))) {
                // the last bit of a float decides how a value on the border between two bytes is rounded
                assertAgrees(
                        model, tokens, chunkSizes, expected, model.kernels().isFamily() ? 0.06 : 2e-4);
            }
        }
    }

    /** Runs the sequence in chunks of these sizes in turn, and a second one some tokens later in the next slot. */
    private static void assertAgrees(
            LanguageModel model, List<Integer> tokens, List<Integer> chunkSizes, double[] expected, double error) {
        try (KvPool pool = new KvPool(model.decoder().kvCache(), Long.MAX_VALUE)) {
            List<KvSlot> slots = List.of(
                    pool.reserve(LENGTH).orElseThrow(), pool.reserve(LENGTH).orElseThrow());
            int[] done = {0, 0};
            for (int step = 0; done[1] < LENGTH - 1; step++) {
                List<StepRow> batch = new ArrayList<>();
                for (int row = 0; row < 2; row++) {
                    int size = Math.min(LENGTH - 1 - done[row], chunkSizes.get((step + row) % chunkSizes.size()));
                    if (size > 0 && (row == 0 || step > 1)) {
                        batch.add(new StepRow(
                                slots.get(row),
                                tokens.subList(done[row], done[row] + size),
                                done[row],
                                Optional.empty(),
                                new Boundary(0),
                                Optional.of(TokenSampling.greedy())));
                        done[row] += size;
                    }
                }
                List<float[]> logits = model.decoder().logits(batch);
                for (int i = 0; i < batch.size(); i++) {
                    int end = batch.get(i).position() + batch.get(i).tokens().size();
                    assertThat(logprob(logits.get(i), tokens.get(end)))
                            .as("%s, token %d", chunkSizes, end)
                            .isCloseTo(expected[end - 1], within(error));
                }
            }
        }
    }

    /** Log-probability of each token except the first. */
    private double[] forced(LanguageModel model, List<Integer> tokens) {
        TeacherForcedBatch batch = new TeacherForcedBatch(
                List.of(new TeacherForcedBatch.ForcedSequence(tokens.subList(0, 1), tokens.subList(1, LENGTH))));
        try (ForcedPass pass = model.decoder().teacherForcing().pass(batch, 1);
                HiddenStates states = pass.embed()) {
            pass.layers(states, 0, pass.numLayers(), false);
            return pass.goldLogprobs(states, 0, LENGTH - 1)[0];
        }
    }

    private static double logprob(float[] logits, int token) {
        double sum = 0;
        for (float logit : logits) {
            sum += Math.exp(logit);
        }
        return logits[token] - Math.log(sum);
    }
}
