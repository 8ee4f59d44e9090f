package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.script.DecoderLayouts.CallField;
import io.tidemark.decoder.script.DecoderMethod;
import io.tidemark.decoder.script.DecoderMethod.StepArgument;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.generation.layout.EngineLayout;
import io.tidemark.generation.layout.GroupWidth;
import io.tidemark.generation.layout.InstanceWork;
import io.tidemark.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(180)
@DisplayName("Joint steps of several engine instances")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class JointStepsTest {

    /** The first two instances share KV blocks. Joint steps of all have two threads: the models are small. */
    private static final EngineLayout THREE = new EngineLayout(3, 1, 2, 1, false);

    private static final EngineLayout TWO = new EngineLayout(2, 1, 2, 1, false);
    /** Joint steps have one thread, and two in trials. */
    private static final EngineLayout TWO_OF_A_SMALL_MODEL = new EngineLayout(2, 1, 2, 1000, false);

    private static final EngineLimits LIMITS = new EngineLimits(12, 96, 1L << 30, 1 << 20);
    private static final String ENGINE_0 = "tidemark-engine-0";

    private FixtureModel model;

    @BeforeAll
    void load() {
        model = FixtureModel.load("llama-gqa");
    }

    @AfterAll
    void close() {
        model.close();
    }

    @Test
    @DisplayName("The first thread of a group runs all its instances, and the requests of all of them share steps")
    void oneThread() throws Exception {
        Set<String> threads = ConcurrentHashMap.newKeySet();
        try (GenerationEngine engine = start(3)) {
            List<RecordingListener> listeners = submit(engine, 6, 20, () -> {}, threads);
            listeners.forEach(each -> assertThat(each.choice().tokens()).hasSize(20));
            // the last turn publishes its counters after the listeners have run
            engine.close();
            EngineStats stats = engine.stats();
            assertThat(threads).containsExactly(ENGINE_0);
            assertThat(stats.jointSteps()).isBetween(20L, 24L);
            assertThat(stats.steps()).isBetween(3 * 20L, 3 * 24L);
            assertThat(stats.generatedTokens()).isEqualTo(6 * 20);
        }
    }

    @Test
    @DisplayName("A running step names the requests of all its instances, and each of them has its seconds left")
    void runningStep() throws Exception {
        try (GenerationEngine engine = start(3)) {
            List<List<RunningStep>> steps = new CopyOnWriteArrayList<>();
            List<OptionalDouble> left = new CopyOnWriteArrayList<>();
            AtomicInteger texts = new AtomicInteger();
            List<RecordingListener> listeners = submit(engine, 6, 60, () -> {
                if (texts.incrementAndGet() == 6 * 20) {
                    CompletableFuture.runAsync(() -> {
                                steps.add(engine.runningSteps());
                                IntStream.range(0, 6).forEach(i -> left.add(engine.secondsLeft("request-" + i)));
                            })
                            .join();
                }
            });
            listeners.forEach(each -> assertThat(each.choice().tokens()).hasSize(60));
            assertThat(steps.get(0)).hasSize(1);
            assertThat(steps.get(0).get(0).instance()).isZero();
            assertThat(steps.get(0).get(0).requests())
                    .containsExactlyInAnyOrder(
                            IntStream.range(0, 6).mapToObj(i -> "request-" + i).toArray(String[]::new));
            assertThat(left)
                    .allSatisfy(seconds ->
                            assertThat(seconds.getAsDouble()).isPositive().isLessThan(60));
        }
    }

    @Test
    @DisplayName("A request of a parked instance is cancelled, while the other rows of the joint steps go on")
    void cancelled() throws Exception {
        try (GenerationEngine engine = start(3)) {
            CountDownLatch running = new CountDownLatch(6);
            List<RecordingListener> listeners = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                listeners.add(RecordingListener.onFirstText(running::countDown));
                engine.submit(request(i, i == 4 ? 400 : 100).request(), listeners.get(i));
            }
            assertThat(running.await(60, TimeUnit.SECONDS)).isTrue();
            engine.cancel("request-4", FinishReason.DEADLINE);
            assertThat(listeners.get(4).choice().finishReason()).isEqualTo(FinishReason.DEADLINE);
            assertThat(listeners.get(4).choice().tokens()).hasSizeLessThan(400);
            for (int i : List.of(0, 1, 2, 3, 5)) {
                assertThat(listeners.get(i).choice().tokens()).hasSize(100);
            }
        }
    }

    @Test
    @DisplayName("Slices of a background task of a parked instance run between joint steps, and alone when no row runs")
    void background() throws Exception {
        try (GenerationEngine engine = start(3)) {
            Set<String> threads = ConcurrentHashMap.newKeySet();
            AtomicInteger slices = new AtomicInteger();
            CountDownLatch ended = new CountDownLatch(1);
            List<RecordingListener> listeners = submit(engine, 6, 100, () -> {});
            engine.runInBackground(() -> {
                threads.add(Thread.currentThread().getName());
                boolean more = slices.incrementAndGet() < 150;
                if (!more) {
                    ended.countDown();
                }
                return more;
            });
            listeners.forEach(each -> assertThat(each.choice().tokens()).hasSize(100));
            assertThat(slices.get()).isGreaterThan(20);
            assertThat(ended.await(60, TimeUnit.SECONDS)).isTrue();
            assertThat(threads).containsExactly(ENGINE_0);
        }
    }

    @Test
    @DisplayName("A request whose row makes a joint step fail fails alone, whichever instance has it")
    void isolatesRows() throws Exception {
        for (int failing = 0; failing < 6; failing++) {
            try (GenerationEngine engine = start(3)) {
                List<RecordingListener> listeners = new ArrayList<>();
                for (int i = 0; i < 6; i++) {
                    TestRequest request = i == failing
                            ? TestRequest.of("request-" + i, List.of(5, 99_999)).stopAt(StopConditions.afterExactly(9))
                            : request(i, 9);
                    listeners.add(RecordingListener.plain());
                    engine.submit(request.request(), listeners.get(i));
                }
                for (int i = 0; i < 6; i++) {
                    if (i == failing) {
                        assertThat(listeners.get(i).failure().message()).contains("the step failed");
                    } else {
                        assertThat(listeners.get(i).choice().tokens()).hasSize(9);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 5})
    @DisplayName("An error in a joint step ends the engine and all its threads, and every request gets an outcome")
    void failure(int failing) throws Exception {
        GenerationEngine engine = start(3);
        List<String> events = new CopyOnWriteArrayList<>();
        engine.failure().thenRun(() -> events.add("failure"));
        List<RecordingListener> listeners = new ArrayList<>();
        for (int i = 0; i < 9; i++) {
            int index = i;
            listeners.add(RecordingListener.onFirstText(() -> {
                        if (index == failing) {
                            throw new OutOfMemoryError("for this test");
                        }
                    })
                    .andOnFinished(() -> events.add("request-" + index)));
            try {
                engine.submit(request(i, 400).request(), listeners.get(i));
            } catch (IllegalStateException closed) {
                listeners.remove(i);
                break;
            }
        }
        listeners.forEach(each -> assertThat(each.failure().code()).isEqualTo("engine_error"));
        Awaitility.await().until(engine::hasEnded);
        assertThat(events).startsWith("failure").containsOnlyOnce("failure");
        assertThat(engine.runningSteps()).isEmpty();
        assertThat(engine.close(Duration.ofSeconds(1))).isTrue();
    }

    @Test
    @DisplayName("Closing the engine during joint steps cancels the requests of all instances")
    void closing() throws Exception {
        GenerationEngine engine = start(3);
        CountDownLatch running = new CountDownLatch(6);
        List<RecordingListener> listeners = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            listeners.add(RecordingListener.onFirstText(running::countDown));
            engine.submit(request(i, 450).request(), listeners.get(i));
        }
        assertThat(running.await(60, TimeUnit.SECONDS)).isTrue();
        engine.close();
        listeners.forEach(
                each -> assertThat(each.choice().finishReason()).isIn(FinishReason.CANCELLED, FinishReason.LENGTH));
        assertThat(engine.hasEnded()).isTrue();
    }

    @Test
    @DisplayName("An engine that measures its turns answers all requests, whatever the number of rows")
    void measured() throws Exception {
        try (GenerationEngine engine = GenerationEngine.start(model.model(), LIMITS, TWO)) {
            for (int rows : List.of(1, 2, 7, 12, 3)) {
                submit(engine, rows, 100, () -> {})
                        .forEach(each -> assertThat(each.choice().tokens()).hasSize(100));
            }
        }
    }

    @Test
    @DisplayName("An idle engine with all threads in one group starts two requests at the width that they will have")
    void startFromIdle() throws Exception {
        List<GroupWidth.Turn> leftSteps = new CopyOnWriteArrayList<>();
        List<Integer> starting = new CopyOnWriteArrayList<>();
        GroupWidth narrowWhenBusy = new GroupWidth() {
            @Override
            public int start() {
                return 2;
            }

            @Override
            public int next(Turn turn) {
                starting.add(
                        turn.work().stream().mapToInt(InstanceWork::starting).sum());
                boolean isActive = turn.work().stream().anyMatch(InstanceWork::active);
                boolean hasStep =
                        turn.work().stream().anyMatch(each -> each.step().rows() > 0);
                if (isActive && !hasStep) {
                    leftSteps.add(turn);
                }
                return turn.startable() == 0 && !isActive ? 2 : 1;
            }
        };
        try (GenerationEngine engine = GenerationEngine.start(model.model(), LIMITS, TWO, narrowWhenBusy)) {
            int rounds = 100;
            for (int i = 0; i < rounds; i++) {
                submit(engine, 2, 3, () -> {}).forEach(RecordingListener::choice);
            }
            assertThat(engine.stats().steps()).isGreaterThan(3 * rounds);
            // at least one in each round if both started together; a few if the engine runs between two submissions
            assertThat(engine.stats().jointSteps()).isLessThan(rounds / 2);
            // the requests have started: one that arrives meanwhile has no step with the first one either
            assertThat(leftSteps).isNotEmpty();
            leftSteps.clear();
            starting.clear();
            RecordingListener choices = RecordingListener.plain();
            engine.submit(request(0, 3).choices(4).request(), choices);
            choices.choice();
            assertThat(leftSteps).as("for the choices of one request").isEmpty();
            assertThat(starting)
                    .as("choices that copy the prompt of the first one")
                    .contains(3);
        }
    }

    @Test
    @DisplayName("One attention call reads the decoding rows of two neighbouring instances")
    void oneAttentionCall(@TempDir Path folder) throws Exception {
        try (Torch torch = Torch.recording(FixtureModel.OPTIONS, folder);
                LanguageModel recorded =
                        LanguageModel.load(Folders.model("llama-gqa"), "recorded", torch, FixtureModel.FP32);
                GenerationEngine engine = GenerationEngine.start(recorded, LIMITS, TWO, new FixedWidth(2))) {
            List<RecordingListener> listeners = submit(engine, 4, 20, () -> {});
            listeners.forEach(each -> assertThat(each.choice().tokens()).hasSize(20));
        }
        List<List<String>> steps = attentionCalls(folder.resolve("calls.jsonl"));
        List<String> slotsOfBoth = List.of("4..8");
        assertThat(steps.stream().filter(slotsOfBoth::equals).count()).isGreaterThan(14);
        assertThat(steps).as("steps with two calls for decoding rows").allMatch(calls -> calls.size() < 2);
    }

    /** The slots of the calls with one query per slot, for each step. */
    private static List<List<String>> attentionCalls(Path recording) throws IOException {
        ObjectMapper json = new ObjectMapper();
        Map<Integer, JsonNode> values = new HashMap<>();
        List<List<String>> steps = new ArrayList<>();
        for (String line : Files.readAllLines(recording)) {
            JsonNode event = json.readTree(line);
            if (event.path("make").asText().equals("literal")) {
                values.put(event.get("id").asInt(), event.get("value"));
            } else if (event.path("call").asText().equals(DecoderMethod.STEP_AND_SAMPLE.method())) {
                JsonNode calls = values.get(
                        event.get("arguments").get(StepArgument.CALLS.ordinal()).asInt());
                List<String> slots = new ArrayList<>();
                for (JsonNode call : calls) {
                    if (call.get(CallField.QUERIES.ordinal()).asInt() == 1) {
                        slots.add(call.get(CallField.FIRST_SLOT.ordinal()) + ".."
                                + call.get(CallField.END_SLOT.ordinal()));
                    }
                }
                steps.add(slots);
            }
        }
        return steps;
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    @DisplayName("Requests of all sizes get memory, although idle instances have halves of the same blocks")
    void memory(int fixedWidth) throws Exception {
        long bytes = 1100 * model.model().decoder().kvBytesPerToken();
        EngineLimits limits = new EngineLimits(6, 64, bytes, bytes / 4);
        GroupWidth width = fixedWidth > 0
                ? new FixedWidth(fixedWidth)
                : new RandomWidth(List.of(1, 2), new Random(8), new AtomicInteger());
        try (GenerationEngine engine = GenerationEngine.start(model.model(), limits, TWO_OF_A_SMALL_MODEL, width)) {
            Random random = new Random(9);
            List<RecordingListener> listeners = new ArrayList<>();
            for (int i = 0; i < 150; i++) {
                // 64 tokens in up to 6 sequences, or up to the context in 2, which are nearly the whole budget
                boolean small = random.nextInt(3) > 0;
                int prompt = small ? 1 + random.nextInt(55) : 60 + random.nextInt(430);
                TestRequest request = TestRequest.of("request-" + i, Collections.nCopies(prompt, 5 + i % 300))
                        .choices(1 + random.nextInt(small ? 6 : 2))
                        .sampled(1, i)
                        .stopAt(StopConditions.afterExactly(1 + random.nextInt(9)));
                listeners.add(RecordingListener.plain());
                engine.submit(request.request(), listeners.get(i));
                if (i % 20 == 19) {
                    // both instances are idle
                    listeners.forEach(RecordingListener::completion);
                }
            }
            listeners.forEach(RecordingListener::completion);
            assertThat(engine.stats().kvBytesReserved()).isLessThanOrEqualTo(bytes);
        }
    }

    private GenerationEngine start(int width) {
        return GenerationEngine.start(model.model(), LIMITS, THREE, new FixedWidth(width));
    }

    private static TestRequest request(int i, int tokens) {
        return TestRequest.of("request-" + i, List.of(5, 6, 7 + i)).stopAt(StopConditions.afterExactly(tokens));
    }

    private List<RecordingListener> submit(GenerationEngine engine, int requests, int tokens, Runnable onToken)
            throws RequestRejectedException {
        return submit(engine, requests, tokens, onToken, ConcurrentHashMap.newKeySet());
    }

    /** Submits requests whose listeners run an action at each text, and add the thread at the end. */
    private List<RecordingListener> submit(
            GenerationEngine engine, int requests, int tokens, Runnable onText, Set<String> threads)
            throws RequestRejectedException {
        List<RecordingListener> listeners = new ArrayList<>();
        for (int i = 0; i < requests; i++) {
            RecordingListener listener = RecordingListener.onFinished(
                    () -> threads.add(Thread.currentThread().getName()));
            listeners.add(listener);
            engine.submit(request(i, tokens).request(), new GenerationListener() {
                @Override
                public void onText(int choice, String chunk) {
                    onText.run();
                    listener.onText(choice, chunk);
                }

                @Override
                public void onFinished(Outcome outcome) {
                    listener.onFinished(outcome);
                }
            });
        }
        return listeners;
    }
}
