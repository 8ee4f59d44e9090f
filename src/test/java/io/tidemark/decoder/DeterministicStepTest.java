package io.tidemark.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.TokenSampling;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Deterministic steps")
@ParameterizedClass(name = "{0}")
@MethodSource("io.tidemark.fixture.SupportedKernels#deterministic")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Tag("cpu")
class DeterministicStepTest {

    private static final int TILE = 64;

    @Parameter
    private ModelOptions options;

    private Torch torch;
    private LanguageModel model;
    private AdapterStore adapters;
    private List<Text> texts;

    /** A sequence with its adapter and boundary. */
    private record Text(List<Integer> tokens, Optional<LoraWeights> lora, int boundary) {

        StepRow row(KvSlot slot, int from, int to) {
            return new StepRow(
                    slot,
                    tokens.subList(from, to),
                    from,
                    lora,
                    new Boundary(boundary),
                    Optional.of(TokenSampling.greedy()));
        }
    }

    @BeforeParameterizedClassInvocation
    void load() {
        torch = Torch.open(FixtureModel.OPTIONS);
        model = LanguageModel.load(Folders.model("llama-gqa"), "base", torch, options);
        adapters = new AdapterStore(model);
        Optional<LoraWeights> all = Optional.of(
                adapters.load("all", Folders.adapter("llama-gqa", "all")).weights());
        Optional<LoraWeights> qv = Optional.of(
                adapters.load("qv", Folders.adapter("llama-gqa", "qv")).weights());
        Optional<LoraWeights> embeddings =
                Optional.of(adapters.load("embeddings", Folders.adapter("llama-gqa", "embeddings"))
                        .weights());
        Optional<LoraWeights> dora = Optional.of(
                adapters.load("dora", Folders.adapter("llama-gqa", "dora")).weights());
        Optional<LoraWeights> head = Optional.of(adapters.load("lm-head", Folders.adapter("llama-gqa", "lm-head"))
                .weights());
        texts = List.of(
                text(1, 300, all, 6),
                text(2, 90, qv, 3),
                text(3, 64, Optional.empty(), 0),
                text(4, 200, all, 2),
                text(5, 129, qv, 6),
                text(6, 65, all, 0),
                text(7, 256, Optional.empty(), 0),
                text(8, 30, all, 6),
                text(9, 70, embeddings, 0),
                text(10, 40, embeddings, 4),
                text(11, 80, head, 5),
                text(12, 80, dora, 5));
    }

    private static Text text(int seed, int length, Optional<LoraWeights> lora, int boundary) {
        return new Text(
                IntStream.range(0, length)
                        .mapToObj(i -> 3 + (seed * 31 + i * i + seed * i) % 400)
                        .toList(),
                lora,
                boundary);
    }

    @AfterParameterizedClassInvocation
    void close() {
        adapters.close();
        model.close();
        torch.close();
    }

    @Test
    @DisplayName(
            "A row has the same logits, bit for bit, alone and in random batches, slots and chunks, with native kernels also on two threads")
    void dependsOnNothingElse() {
        List<List<float[]>> alone = texts.stream().map(this::alone).toList();
        Random random = new Random(5);
        for (int trial = 0; trial < 6; trial++) {
            try (KvPool pool = new KvPool(model.decoder().kvCache(), Long.MAX_VALUE)) {
                List<Integer> order =
                        new ArrayList<>(IntStream.range(0, texts.size()).boxed().toList());
                Collections.shuffle(order, random);
                KvSlot[] slots = new KvSlot[texts.size()];
                order.forEach(i -> slots[i] = pool.reserve(300).orElseThrow());
                compare(slots, order, alone, random);
            }
        }
    }

    /** Prompts run in chunks that end where chunks may end, the rest of each text token by token. */
    private void compare(KvSlot[] slots, List<Integer> order, List<List<float[]>> alone, Random random) {
        int[] done = new int[slots.length];
        while (IntStream.range(0, done.length)
                .anyMatch(i -> done[i] < texts.get(i).tokens().size())) {
            List<StepRow> batch = new ArrayList<>();
            List<Integer> rows = new ArrayList<>();
            for (int i : order) {
                int length = texts.get(i).tokens().size();
                int prompt = prompt(length);
                if (done[i] < length && random.nextInt(4) > 0) {
                    int end = done[i] >= prompt ? done[i] + 1 : Math.min(prompt, endOfChunk(done[i], random));
                    batch.add(texts.get(i).row(slots[i], done[i], end));
                    rows.add(i);
                    done[i] = end;
                }
            }
            if (!batch.isEmpty()) {
                model.decoder().setThreads(model.decoder().kernels().isFamily() ? 1 + random.nextInt(2) : 1);
                List<float[]> logits = model.decoder().logits(batch);
                for (int r = 0; r < rows.size(); r++) {
                    int i = rows.get(r);
                    if (done[i] >= prompt(texts.get(i).tokens().size())) {
                        assertThat(logits.get(r))
                                .as("text %d after %d tokens, in a batch of %d", i, done[i], rows.size())
                                .isEqualTo(alone.get(i)
                                        .get(done[i]
                                                - prompt(texts.get(i).tokens().size())));
                    }
                }
            }
        }
    }

    private int endOfChunk(int done, Random random) {
        int unit = model.decoder().chunkTokens();
        return (done / unit + 1 + random.nextInt(3 * TILE / unit)) * unit;
    }

    /** The last eight tokens are generated. */
    private static int prompt(int length) {
        return length - 8;
    }

    /** Logits of a sequence alone, after the prompt and after each further token. */
    private List<float[]> alone(Text text) {
        List<float[]> logits = new ArrayList<>();
        try (KvPool pool = new KvPool(model.decoder().kvCache(), Long.MAX_VALUE)) {
            KvSlot slot = pool.reserve(300).orElseThrow();
            int prompt = prompt(text.tokens().size());
            logits.add(
                    model.decoder().logits(List.of(text.row(slot, 0, prompt))).get(0));
            for (int at = prompt; at < text.tokens().size(); at++) {
                logits.add(model.decoder()
                        .logits(List.of(text.row(slot, at, at + 1)))
                        .get(0));
            }
        }
        return logits;
    }
}
