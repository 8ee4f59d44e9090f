package io.tidemark.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.TokenSampling;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.ReferenceText;
import io.tidemark.fixture.SupportedKernels;
import io.tidemark.model.ComputeType;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelOptions;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Steps with native kernels")
@Tag("cpu")
class NativeStepTest {

    private static final ModelOptions INT8 = new ModelOptions(ComputeType.INT8);
    /** Tokens of each text that are generated one by one. */
    private static final int DECODED = 5;

    /** A sequence with its adapter and boundary. */
    private record Text(String name, List<Integer> tokens, Optional<LoraWeights> lora, int boundary) {

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

    /** The Kullback-Leibler divergence of rows of logits. */
    private static final class Divergence {
        private double sum;
        private int rows;

        void add(float[] exact, float[] rough) {
            double[] p = logProbabilities(exact);
            double[] q = logProbabilities(rough);
            for (int i = 0; i < p.length; i++) {
                sum += Math.exp(p[i]) * (p[i] - q[i]);
            }
            rows++;
        }

        double mean() {
            return sum / rows;
        }

        private static double[] logProbabilities(float[] logits) {
            double largest = Double.NEGATIVE_INFINITY;
            for (float logit : logits) {
                largest = Math.max(largest, logit);
            }
            double sum = 0;
            for (float logit : logits) {
                sum += Math.exp(logit - largest);
            }
            double[] logProbabilities = new double[logits.length];
            for (int i = 0; i < logits.length; i++) {
                logProbabilities[i] = logits[i] - largest - Math.log(sum);
            }
            return logProbabilities;
        }
    }

    static Stream<Arguments> modelsAndKernels() {
        return Folders.models().stream()
                .flatMap(model -> SupportedKernels.families().map(family -> Arguments.of(model, family)));
    }

    @ParameterizedTest(name = "{0}, {1}")
    @MethodSource("modelsAndKernels")
    @DisplayName(
            "A row has the same logits, bit for bit, alone and beside other texts, adapters and boundaries, with one thread and two, and wherever its prompt is split")
    void rowsAreIndependent(String family, Kernels kernels) {
        // deterministic: LoRA of embedding and head is computed by libtorch
        try (FixtureModel fixture = FixtureModel.load(family, new ModelOptions(ComputeType.INT8, true).with(kernels))) {
            Decoder decoder = fixture.model().decoder();
            assertThat(decoder.kernels()).isEqualTo(kernels);
            List<Text> texts = new ArrayList<>();
            for (String adapter : Folders.adapters(family)) {
                for (ReferenceText.Prompt prompt : fixture.reference(adapter).prompts()) {
                    texts.add(text(fixture, adapter, prompt, texts.size()));
                }
            }
            List<List<float[]>> alone =
                    texts.stream().map(text -> alone(decoder, text)).toList();
            Random random = new Random(family.hashCode());
            for (int trial = 0; trial < 2; trial++) {
                try (KvPool pool = new KvPool(decoder.kvCache(), Long.MAX_VALUE)) {
                    compare(decoder, pool, texts, alone, random);
                }
            }
        }
    }

    @ParameterizedTest(name = "{0}, {1}")
    @MethodSource("modelsAndKernels")
    @DisplayName("Gold tokens have the log-probabilities of a step's logits, also with an adapter's own norms or head")
    void goldTokensAreScoredAsInSteps(String family, Kernels kernels) {
        try (FixtureModel fixture = FixtureModel.load(family, new ModelOptions(ComputeType.INT8, true).with(kernels))) {
            int layers = fixture.model().config().numLayers();
            for (String adapter : Folders.adapters(family)) {
                LoraWeights lora = fixture.adapter(adapter);
                List<Integer> prompt =
                        fixture.reference(adapter).prompts().get(0).ids();
                List<Integer> gold = IntStream.range(0, DECODED)
                        .mapToObj(i -> 3 + i * 7 % 400)
                        .toList();
                List<Integer> tokens =
                        Stream.concat(prompt.stream(), gold.stream()).toList();
                List<float[]> logits =
                        alone(fixture.model().decoder(), new Text(adapter, tokens, Optional.of(lora), layers));
                TeacherForcedBatch batch =
                        new TeacherForcedBatch(List.of(new TeacherForcedBatch.ForcedSequence(prompt, gold)));
                try (ForcedPass pass =
                                fixture.model().decoder().teacherForcing(lora).pass(batch, 1);
                        HiddenStates states = pass.embed()) {
                    pass.layers(states, 0, layers, true);
                    double[] logprobs = pass.goldLogprobs(states, 0, DECODED)[0];
                    for (int i = 0; i < DECODED; i++) {
                        assertThat(logprobs[i])
                                .as("%s, token %d", adapter, i)
                                .isCloseTo(Divergence.logProbabilities(logits.get(i))[gold.get(i)], within(1e-5));
                    }
                }
            }
        }
    }

    private static Text text(FixtureModel fixture, String adapter, ReferenceText.Prompt prompt, int index) {
        int layers = fixture.model().config().numLayers();
        int boundary = index * 5 % (layers + 1);
        List<Integer> tokens = new ArrayList<>(prompt.ids());
        IntStream.range(0, DECODED).forEach(i -> tokens.add(3 + (index * 31 + i * 7) % 400));
        Optional<LoraWeights> lora = index % 6 == 5 ? Optional.empty() : Optional.of(fixture.adapter(adapter));
        return new Text(adapter + " " + boundary, tokens, lora, boundary);
    }

    /** Logits after the prompt and after each further token. */
    private static List<float[]> alone(Decoder decoder, Text text) {
        decoder.setThreads(1);
        int length = text.tokens().size();
        try (KvPool pool = new KvPool(decoder.kvCache(), Long.MAX_VALUE)) {
            KvSlot slot = pool.reserve(length).orElseThrow();
            List<float[]> logits = new ArrayList<>();
            int prompt = length - DECODED;
            logits.add(decoder.logits(List.of(text.row(slot, 0, prompt))).get(0));
            for (int at = prompt; at < length; at++) {
                logits.add(decoder.logits(List.of(text.row(slot, at, at + 1))).get(0));
            }
            return logits;
        }
    }

    private static void compare(
            Decoder decoder, KvPool pool, List<Text> texts, List<List<float[]>> alone, Random random) {
        List<KvSlot> slots = texts.stream()
                .map(text -> pool.reserve(text.tokens().size()).orElseThrow())
                .toList();
        int[] done = new int[texts.size()];
        int most = texts.stream().mapToInt(text -> text.tokens().size()).max().orElseThrow();
        while (IntStream.range(0, done.length)
                .anyMatch(i -> done[i] < texts.get(i).tokens().size())) {
            List<StepRow> batch = new ArrayList<>();
            List<Integer> rows = new ArrayList<>();
            for (int i = 0; i < done.length; i++) {
                int length = texts.get(i).tokens().size();
                int prompt = length - DECODED;
                if (done[i] < length && random.nextInt(4) > 0) {
                    int end = done[i] >= prompt
                            ? done[i] + 1
                            : Math.min(prompt, done[i] + 1 + random.nextInt(Math.max(8, most / 2)));
                    batch.add(texts.get(i).row(slots.get(i), done[i], end));
                    rows.add(i);
                    done[i] = end;
                }
            }
            if (batch.isEmpty()) {
                continue;
            }
            decoder.setThreads(1 + random.nextInt(2));
            List<float[]> logits = decoder.logits(batch);
            for (int row = 0; row < rows.size(); row++) {
                int i = rows.get(row);
                int generated = done[i] - texts.get(i).tokens().size() + DECODED;
                if (generated >= 0) {
                    assertThat(logits.get(row))
                            .as("%s after %d tokens", texts.get(i).name(), done[i])
                            .isEqualTo(alone.get(i).get(generated));
                }
            }
        }
    }

    @Test
    @DisplayName(
            "The mean KL divergence from fp32 over all prompts, adapters and boundaries is at most 1.05 times that of int8 with torch")
    void divergesNoMoreThanTorch() {
        List<Kernels> families = SupportedKernels.families().toList();
        assumeThat(families)
                .as("families of kernels that the processor supports")
                .isNotEmpty();
        Map<Kernels, Divergence> divergences = new EnumMap<>(Kernels.class);
        for (String family : Folders.models()) {
            List<float[]> exact = promptLogits(family, FixtureModel.FP32);
            for (Kernels kernels :
                    Stream.concat(Stream.of(Kernels.TORCH), families.stream()).toList()) {
                List<float[]> rough = promptLogits(family, INT8.with(kernels));
                Divergence divergence = divergences.computeIfAbsent(kernels, key -> new Divergence());
                IntStream.range(0, exact.size()).forEach(i -> divergence.add(exact.get(i), rough.get(i)));
            }
        }
        divergences.forEach((kernels, divergence) ->
                System.out.printf("KL from fp32, %s: %.6f%n", kernels.label(), divergence.mean()));
        double torch = divergences.remove(Kernels.TORCH).mean();
        divergences.forEach((kernels, divergence) ->
                assertThat(divergence.mean()).as(kernels.label()).isLessThanOrEqualTo(1.05 * torch));
    }

    /** Logits after each prompt of each adapter, with all boundaries as rows of a step, then after one more token. */
    private static List<float[]> promptLogits(String family, ModelOptions options) {
        List<float[]> logits = new ArrayList<>();
        try (FixtureModel fixture = FixtureModel.load(family, options);
                KvPool pool = new KvPool(fixture.model().decoder().kvCache(), Long.MAX_VALUE)) {
            Decoder decoder = fixture.model().decoder();
            int layers = fixture.model().config().numLayers();
            for (String adapter : Folders.adapters(family)) {
                Optional<LoraWeights> lora = Optional.of(fixture.adapter(adapter));
                for (ReferenceText.Prompt prompt : fixture.reference(adapter).prompts()) {
                    int length = prompt.ids().size();
                    List<Integer> tokens = new ArrayList<>(prompt.ids());
                    tokens.add(tokens.get(length / 2));
                    List<Text> texts = IntStream.rangeClosed(0, layers)
                            .mapToObj(boundary -> new Text(adapter, tokens, lora, boundary))
                            .toList();
                    List<KvSlot> slots = texts.stream()
                            .map(text -> pool.reserve(length + 1).orElseThrow())
                            .toList();
                    logits.addAll(decoder.logits(rows(texts, slots, 0, length)));
                    logits.addAll(decoder.logits(rows(texts, slots, length, length + 1)));
                    slots.forEach(pool::release);
                }
            }
        }
        return logits;
    }

    private static List<StepRow> rows(List<Text> texts, List<KvSlot> slots, int from, int to) {
        return IntStream.range(0, texts.size())
                .mapToObj(i -> texts.get(i).row(slots.get(i), from, to))
                .toList();
    }
}
