package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.decoder.sampling.Penalties;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ModelOptions;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Seed")
class SeedTest {

    private static final int REQUESTS = 14;
    private static final List<String> ADAPTERS = List.of("all", "qv", "embeddings", "lm-head");

    @ParameterizedTest
    @EnumSource(ComputeType.class)
    @DisplayName("The same seed leads to the same text and another seed to another text, in each compute type")
    void repeats(ComputeType type) throws RequestRejectedException {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa", new ModelOptions(type));
                GenerationEngine engine = engine(fixture, 4, 64)) {
            TestRequest request = TestRequest.of("a", List.of(5, 6, 7, 8))
                    .with(fixture.adapter("all"), 4)
                    .stopAt(StopConditions.afterExactly(20));
            List<List<Integer>> texts = new ArrayList<>();
            for (long seed : new long[] {7, 8, 7, -1}) {
                texts.add(alone(engine, request.sampled(1.2, seed)).get(0));
            }
            assertThat(texts.get(2)).isEqualTo(texts.get(0));
            assertThat(new HashSet<>(texts)).hasSize(3);
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("io.tidemark.fixture.SupportedKernels#deterministic")
    @DisplayName("In deterministic int8 the text does not depend on batch, slot, order, prompt chunks and instance")
    void besideOthers(ModelOptions options) throws RequestRejectedException {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa", options)) {
            List<TestRequest> requests = IntStream.range(0, REQUESTS)
                    .mapToObj(i -> request(fixture, i))
                    .toList();
            Map<String, List<List<Integer>>> alone = new LinkedHashMap<>();
            try (GenerationEngine engine = engine(fixture, 4, 256)) {
                for (TestRequest request : requests) {
                    alone.put(request.id(), alone(engine, request));
                }
            }
            Random random = new Random(11);
            for (int trial = 0; trial < 5; trial++) {
                List<TestRequest> order = new ArrayList<>(requests);
                Collections.shuffle(order, random);
                EngineLimits limits = new EngineLimits(
                        3 + random.nextInt(14), 64 + random.nextInt(200), 1L << 30, random.nextInt(2) << 20);
                try (GenerationEngine engine = GenerationEngine.start(fixture.model(), limits)) {
                    Map<String, RecordingListener> together = new LinkedHashMap<>();
                    for (TestRequest request : order.subList(0, REQUESTS - random.nextInt(5))) {
                        together.put(request.id(), RecordingListener.plain());
                        engine.submit(request.request(), together.get(request.id()));
                    }
                    together.forEach((id, recording) ->
                            assertThat(tokens(recording)).as(id).isEqualTo(alone.get(id)));
                }
            }
        }
    }

    /**
     * Requests with 4 to 200 prompt tokens, different adapters, boundaries and sampling parameters, and up to three
     * choices.
     */
    private static TestRequest request(FixtureModel fixture, int i) {
        List<Integer> prompt = IntStream.range(0, 4 + i * 15)
                .map(at -> 3 + (i * 31 + at * at + i * at) % 400)
                .boxed()
                .toList();
        SamplingParams sampling = new SamplingParams(
                0.7 + i % 4 * 0.4,
                i % 3 == 0 ? 0.95 : 1,
                i % 5 == 0 ? 40 : 0,
                i % 7 == 0 ? 0.02 : 0,
                i % 2 == 0 ? Penalties.NONE : new Penalties(1.2, 0.3, 0.1),
                Map.of(2 + i, 1.5));
        TestRequest request = new TestRequest(
                "request-" + i,
                prompt,
                Optional.empty(),
                0,
                StopConditions.after(18 + i),
                sampling,
                i * 77L,
                1 + i % 3,
                OptionalInt.empty(),
                0);
        return i % 5 == 4 ? request : request.with(fixture.adapter(ADAPTERS.get(i % ADAPTERS.size())), i % 7);
    }

    private static List<List<Integer>> alone(GenerationEngine engine, TestRequest request)
            throws RequestRejectedException {
        RecordingListener recording = RecordingListener.plain();
        engine.submit(request.request(), recording);
        return tokens(recording);
    }

    private static List<List<Integer>> tokens(RecordingListener recording) {
        return recording.completion().choices().stream()
                .map(Completion.GeneratedChoice::tokens)
                .toList();
    }

    private static GenerationEngine engine(FixtureModel fixture, int slots, int prefillTokens) {
        return GenerationEngine.start(fixture.model(), new EngineLimits(slots, prefillTokens, 1L << 30));
    }
}
