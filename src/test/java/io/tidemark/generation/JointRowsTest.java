package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.ReferenceText;
import io.tidemark.generation.Completion.Choice;
import io.tidemark.generation.layout.EngineLayout;
import io.tidemark.generation.layout.GroupWidth;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ModelOptions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Joint steps have one thread, as those of small models, and two in trials. */
@Timeout(180)
@DisplayName("The rows of several engine instances in joint steps")
class JointRowsTest {

    private static final EngineLayout THREE = new EngineLayout(3, 1, 2, 1000, false);
    private static final List<Integer> WIDTHS_OF_THREE = List.of(1, 2, 3);
    private static final List<String> ADAPTERS = List.of("all", "qv", "patterns", "some-layers");
    private static final EngineLimits LIMITS = new EngineLimits(12, 96, 1L << 30, 1 << 20);

    @ParameterizedTest
    @ValueSource(
            strings = {
                "llama-gqa",
                "llama3-rope-tied",
                "llama-biased-mha",
                "llama-made",
                "mistral-window",
                "qwen2-layer-types",
                "qwen2-tied",
                "qwen3-norms",
                "qwen3-window-yarn"
            })
    @DisplayName("All greedy reference texts are the same with joins and splits at random between the steps")
    void referenceTexts(String family) throws Exception {
        Map<String, List<Integer>> expected = new LinkedHashMap<>();
        List<TestRequest> requests = new ArrayList<>();
        try (FixtureModel fixture = FixtureModel.load(family)) {
            while (requests.size() < 100) {
                for (String adapter : Folders.adapters(family)) {
                    ReferenceText.Prompt prompt = fixture.reference(adapter)
                            .prompts()
                            .get(requests.size()
                                    % fixture.reference(adapter).prompts().size());
                    for (int boundary = 0; boundary < prompt.greedy().size(); boundary++) {
                        String id = adapter + "-" + requests.size();
                        requests.add(TestRequest.of(id, prompt.ids())
                                .with(fixture.adapter(adapter), boundary)
                                .tokens(prompt.greedy().get(boundary).size()));
                        expected.put(id, prompt.greedy().get(boundary));
                    }
                }
            }
            AtomicInteger changes = new AtomicInteger();
            Map<String, Choice> choices =
                    run(fixture, THREE, new RandomWidth(WIDTHS_OF_THREE, new Random(5), changes), requests);
            assertThat(changes.get()).isGreaterThan(10);
            expected.forEach(
                    (id, tokens) -> assertThat(choices.get(id).tokens()).as(id).isEqualTo(tokens));
        }
    }

    @Test
    @DisplayName("Deterministic rows have the same log-probabilities, bit for bit, alone and in joint steps")
    void deterministic() throws Exception {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa", new ModelOptions(ComputeType.INT8, true))) {
            List<TestRequest> requests = mixed(fixture, 36, 10);
            AtomicInteger changes = new AtomicInteger();
            Map<String, Choice> together = run(
                    fixture,
                    new EngineLayout(3, 1, 2, 1, false),
                    new RandomWidth(WIDTHS_OF_THREE, new Random(6), changes),
                    requests);
            assertThat(changes.get()).isGreaterThan(20);
            assertThat(together).isEqualTo(alone(fixture, requests));
        }
    }

    /** Requests of {@code tokens} to {@code tokens + 29} tokens. */
    private static List<TestRequest> mixed(FixtureModel fixture, int count, int tokens) {
        List<TestRequest> requests = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int at = i;
            TestRequest request = TestRequest.of(
                            "request-" + i,
                            IntStream.range(0, 3 + i % 7 * 11)
                                    .map(token -> 3 + (at * 31 + token * token) % 400)
                                    .boxed()
                                    .toList())
                    .stopAt(StopConditions.afterExactly(tokens + i % 30))
                    .logprobs(0);
            requests.add(
                    i % 5 == 4 ? request : request.with(fixture.adapter(ADAPTERS.get((i / 9 + i) % 4)), 1 + i % 6));
        }
        return requests;
    }

    /** Runs one request after another, so that each row is alone in its steps. */
    private static Map<String, Choice> alone(FixtureModel fixture, List<TestRequest> requests)
            throws RequestRejectedException {
        try (GenerationEngine engine =
                GenerationEngine.start(fixture.model(), new EngineLimits(1, 96, 1L << 30, 0), EngineLayout.single(1))) {
            return choices(engine, requests);
        }
    }

    private static Map<String, Choice> run(
            FixtureModel fixture, EngineLayout layout, GroupWidth width, List<TestRequest> requests)
            throws RequestRejectedException {
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), LIMITS, layout, width)) {
            Map<String, Choice> choices = choices(engine, requests);
            assertThat(engine.stats().jointSteps()).isPositive();
            return choices;
        }
    }

    private static Map<String, Choice> choices(GenerationEngine engine, List<TestRequest> requests)
            throws RequestRejectedException {
        Map<String, RecordingListener> recordings = new LinkedHashMap<>();
        for (TestRequest request : requests) {
            recordings.put(request.id(), RecordingListener.plain());
            engine.submit(request.request(), recordings.get(request.id()));
        }
        Map<String, Choice> choices = new LinkedHashMap<>();
        recordings.forEach((id, recording) -> choices.put(id, recording.choice()));
        return choices;
    }
}
