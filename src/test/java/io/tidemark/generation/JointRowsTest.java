package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.ReferenceText;
import io.tidemark.generation.Completion.Choice;
import io.tidemark.generation.layout.EngineLayout;
import io.tidemark.generation.layout.GroupWidth;
import io.tidemark.model.ComputeType;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelOptions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
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
    private static final EngineLayout FOUR = new EngineLayout(4, 1, 2, 1000, false);
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
        try (FixtureModel fixture =
                FixtureModel.load("llama-gqa", new ModelOptions(ComputeType.INT8, true).with(Kernels.TORCH))) {
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

    @Test
    @DisplayName("Joint rows use packed LoRA groups that are built and closed while joins and splits alternate")
    void packedGroups() throws Exception {
        try (FixtureModel fixture = FixtureModel.load(
                "llama-gqa", new ModelOptions(ComputeType.INT8, false, 1 << 20).with(Kernels.TORCH))) {
            List<TestRequest> requests = mixed(fixture, 60, 10);
            Map<String, Choice> alone = alone(fixture, requests);
            GroupWidth random = new RandomWidth(WIDTHS_OF_THREE, new Random(7), new AtomicInteger());
            for (GroupWidth width : List.of(new FixedWidth(3), random)) {
                Map<String, Choice> together = run(fixture, THREE, width, requests);
                alone.forEach((id, expected) -> {
                    assertThat(together.get(id).logprobs().get(0).logprob())
                            .as(id)
                            .isCloseTo(expected.logprobs().get(0).logprob(), within(0.15));
                    assertThat(together.get(id).tokens()).hasSameSizeAs(expected.tokens());
                });
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    @DisplayName("Turns in separate groups, or while a shared group is built, say that adapters are being packed")
    void packingTurns(int width) throws Exception {
        try (FixtureModel fixture = FixtureModel.load(
                "llama-gqa", new ModelOptions(ComputeType.INT8, false, 1 << 20).with(Kernels.TORCH))) {
            List<TestRequest> requests = IntStream.range(0, 12)
                    .mapToObj(i -> TestRequest.of("request-" + i, List.of(5 + i, 6, 7))
                            .stopAt(StopConditions.afterExactly(40)))
                    .toList();
            assertThat(packingTurns(fixture, width, requests)).doesNotContain(true);
            List<TestRequest> withAdapters = new ArrayList<>();
            for (int i = 0; i < requests.size(); i++) {
                withAdapters.add(requests.get(i).with(fixture.adapter(ADAPTERS.get(i % 4 / 2)), 5));
            }
            assertThat(packingTurns(fixture, width, withAdapters)).contains(true);
            Awaitility.await("turns that use the shared group")
                    .untilAsserted(() -> assertThat(packingTurns(fixture, width, withAdapters))
                            .doesNotContain(true));
        }
    }

    /** Of each turn of an instance with rows, whether its adapters are being packed. */
    private static List<Boolean> packingTurns(FixtureModel fixture, int width, List<TestRequest> requests)
            throws Exception {
        List<Boolean> packing = new ArrayList<>();
        GroupWidth recording = new GroupWidth() {

            @Override
            public int start() {
                return width;
            }

            @Override
            public int next(Turn turn) {
                turn.work().stream()
                        .filter(each -> each.step().rows() > 0)
                        .forEach(each -> packing.add(each.packing()));
                return width;
            }
        };
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), LIMITS, THREE, recording)) {
            choices(engine, requests);
        }
        return packing;
    }

    @Test
    @DisplayName(
            "With four instances, rows have the tokens that they have alone, while packed LoRA groups of parked instances are kept or closed")
    void packedGroupsOfParkedInstances() throws Exception {
        // without a cache, a group is closed as soon as the last steps of all instances do not use it
        try (FixtureModel fixture =
                FixtureModel.load("llama-gqa", new ModelOptions(ComputeType.INT8, true, 0).with(Kernels.TORCH))) {
            List<TestRequest> requests = longAndShort(fixture);
            Phases width = new Phases();
            Map<String, Choice> together = run(fixture, FOUR, width, requests);
            assertThat(width.phase).isEqualTo(Phases.ALL.size() - 1);
            List<TestRequest> compared = IntStream.range(0, requests.size())
                    .filter(i -> i < 12 || i % 3 == 0)
                    .mapToObj(requests::get)
                    .toList();
            alone(fixture, compared)
                    .forEach((id, expected) ->
                            assertThat(together.get(id)).as(id).isEqualTo(expected));
        }
    }

    /**
     * Two of four instances have the same adapters all the time. Those of the others change, so that groups are built
     * and closed.
     */
    private static List<TestRequest> longAndShort(FixtureModel fixture) {
        List<TestRequest> requests = new ArrayList<>();
        for (int i = 0; i < 120; i++) {
            boolean isLong = i < 12 && i % 4 < 2;
            List<String> changing = List.of("patterns", "some-layers", "rslora", "regex");
            String adapter = isLong ? ADAPTERS.get(i / 4 % 2) : changing.get((i / 25 + i % 2) % 4);
            requests.add(TestRequest.of("request-" + i, List.of(5 + i, 6, 7))
                    .with(fixture.adapter(adapter), 2 + i % 5)
                    .stopAt(StopConditions.afterExactly(isLong ? Phases.ROUNDS : 16 + i % 8))
                    .logprobs(0));
        }
        return requests;
    }

    /**
     * Groups of one, two and four instances in turn. In a long phase the parked instances release their packed groups,
     * in a short one they keep them.
     */
    private static final class Phases implements GroupWidth {

        private record Phase(int width, int rounds) {}

        private static final List<Phase> ALL = List.of(
                new Phase(1, 24),
                new Phase(4, 40),
                new Phase(1, 24),
                new Phase(2, 40),
                new Phase(1, 24),
                new Phase(4, 72),
                new Phase(1, 24),
                new Phase(2, 72),
                new Phase(1, 24));

        /** More than those of all phases. */
        private static final int ROUNDS = 400;

        private int phase;
        private double rounds;

        @Override
        public int start() {
            return ALL.get(0).width;
        }

        @Override
        public int next(Turn turn) {
            if (turn.width() == ALL.get(phase).width) {
                rounds += turn.group().size() / 4.0;
            }
            if (rounds >= ALL.get(phase).rounds && phase < ALL.size() - 1) {
                phase++;
                rounds = 0;
            }
            return ALL.get(phase).width;
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
