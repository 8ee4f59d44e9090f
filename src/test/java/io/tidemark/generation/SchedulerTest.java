package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.ReferenceText;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("Scheduler")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SchedulerTest {

    @AutoClose
    private final FixtureModel fixture = FixtureModel.load("llama-gqa");

    private final ReferenceText reference = fixture.reference("all");

    @Test
    @DisplayName("A request that waits for sequences is not overtaken by one that would fit")
    void keepsTheOrderForSlots() throws RequestRejectedException {
        assertOrder(
                new EngineLimits(2, 64, 1L << 30),
                TestRequest.of("wide", reference.prompts().get(0).ids())
                        .choices(2)
                        .tokens(5));
    }

    @Test
    @DisplayName("A request that waits for memory is not overtaken by one that would fit")
    void keepsTheOrderForMemory() throws RequestRejectedException {
        // memory for four slots of 128 tokens: for the first and the small request, but not for 385 tokens
        long bytes = 520 * fixture.model().decoder().kvBytesPerToken();
        assertOrder(
                new EngineLimits(8, 64, bytes),
                TestRequest.of("wide", Collections.nCopies(380, 77)).tokens(5));
    }

    /** While the first request runs, the wide one does not fit, but the small one would. */
    private void assertOrder(EngineLimits limits, TestRequest wide) throws RequestRejectedException {
        List<String> ended = new CopyOnWriteArrayList<>();
        List<EngineStats> loads = new CopyOnWriteArrayList<>();
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), limits)) {
            RecordingListener waiting = RecordingListener.onFinished(() -> ended.add("wide"));
            RecordingListener small = RecordingListener.onFinished(() -> ended.add("small"));
            RecordingListener first = RecordingListener.onFirstText(() -> {
                        submit(engine, wide, waiting);
                        submit(
                                engine,
                                TestRequest.of("small", Collections.nCopies(100, 5))
                                        .tokens(1),
                                small);
                    })
                    .andOnFinished(() -> {
                        ended.add("first");
                        loads.add(engine.stats());
                    });
            engine.submit(
                    TestRequest.of("first", reference.prompts().get(3).ids())
                            .tokens(120)
                            .request(),
                    first);
            assertThat(small.completion().choices()).hasSize(1);
            assertThat(waiting.completion().choices())
                    .allSatisfy(choice -> assertThat(choice.tokens()).hasSize(5));
            assertThat(ended.get(0)).isEqualTo("first");
            assertThat(ended).containsExactlyInAnyOrder("first", "wide", "small");
            assertThat(loads.get(0).queuedRequests()).isEqualTo(2);
            assertThat(loads.get(0).runningSequences())
                    .as("after the sequence has ended")
                    .isZero();
            assertThat(loads.get(0).kvBytesReserved()).isPositive().isLessThanOrEqualTo(limits.kvBytes());
        }
    }

    @Test
    @DisplayName("A flood for one adapter delays the first request for another by the steps of one request")
    void floodOfOneAdapter() throws RequestRejectedException {
        List<Long> started = new CopyOnWriteArrayList<>();
        AtomicReference<GenerationEngine> engine = new AtomicReference<>();
        RecordingListener other = RecordingListener.onFinished(
                () -> started.add(engine.get().stats().steps().count()));
        runBehindAFlood(engine, TestRequest.of("other", List.of(5)).with(fixture.adapter("qv"), 6), other, started);
        assertThat(started.get(1) - started.get(0))
                .as("steps: a request of the flood and the other one, with 10 tokens each")
                .isEqualTo(20);
    }

    @Test
    @DisplayName("A request of smaller priority starts before a flood that was submitted earlier")
    void smallerPriority() throws RequestRejectedException {
        List<Long> started = new CopyOnWriteArrayList<>();
        AtomicReference<GenerationEngine> engine = new AtomicReference<>();
        RecordingListener urgent = RecordingListener.onFinished(
                () -> started.add(engine.get().stats().steps().count()));
        runBehindAFlood(
                engine,
                TestRequest.of("urgent", List.of(5))
                        .with(fixture.adapter("all"), 6)
                        .priority(-1),
                urgent,
                started);
        assertThat(started.get(1) - started.get(0))
                .as("steps of the urgent request, with 10 tokens")
                .isEqualTo(10);
    }

    /**
     * While a request runs, submits 30 requests of 10 tokens for one adapter and then {@code last}. Adds the number of
     * steps at the end of the running request to {@code steps}.
     */
    private void runBehindAFlood(
            AtomicReference<GenerationEngine> engine, TestRequest last, RecordingListener listener, List<Long> steps)
            throws RequestRejectedException {
        StopConditions tenTokens = StopConditions.afterExactly(10);
        List<RecordingListener> flood =
                IntStream.range(0, 30).mapToObj(i -> RecordingListener.plain()).toList();
        RecordingListener running = RecordingListener.onFirstText(() -> {
                    for (int i = 0; i < flood.size(); i++) {
                        TestRequest request = TestRequest.of("flood " + i, List.of(5))
                                .with(fixture.adapter("all"), 6)
                                .stopAt(tenTokens);
                        submit(engine.get(), request, flood.get(i));
                    }
                    submit(engine.get(), last.stopAt(tenTokens), listener);
                })
                .andOnFinished(() -> steps.add(engine.get().stats().steps().count()));
        try (GenerationEngine started = GenerationEngine.start(fixture.model(), new EngineLimits(1, 64, 1L << 30))) {
            engine.set(started);
            started.submit(
                    TestRequest.of("running", reference.prompts().get(3).ids())
                            .tokens(60)
                            .request(),
                    running);
            listener.outcome();
            flood.forEach(recording -> assertThat(recording.choice().tokens()).hasSize(10));
        }
    }

    @Test
    @DisplayName("A step has at most the budget of prompt tokens, and decoding sequences get a token in each step")
    void sharesStepsWithALongPrompt() throws RequestRejectedException {
        AtomicReference<EngineStats> before = new AtomicReference<>();
        AtomicReference<EngineStats> after = new AtomicReference<>();
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), new EngineLimits(4, 16, 1L << 30))) {
            RecordingListener longPrompt = RecordingListener.onFinished(() -> after.set(engine.stats()));
            RecordingListener running = RecordingListener.onFirstText(() -> {
                submit(
                        engine,
                        TestRequest.of("long prompt", Collections.nCopies(160, 77))
                                .tokens(1),
                        longPrompt);
                before.set(engine.stats());
            });
            engine.submit(
                    TestRequest.of("running", reference.prompts().get(3).ids())
                            .tokens(200)
                            .request(),
                    running);
            longPrompt.outcome();
            assertThat(after.get().steps().count() - before.get().steps().count())
                    .as("steps of 16 tokens for 160")
                    .isEqualTo(10);
            assertThat(after.get().steps().generatedTokens()
                            - before.get().steps().generatedTokens())
                    .as("tokens of the other sequence")
                    .isEqualTo(10);
            assertThat(running.choice().tokens()).hasSize(200);
        }
    }

    @Test
    @DisplayName("Several prompts share the budget of prompt tokens of a step")
    void sharesThePromptBudget() throws RequestRejectedException {
        AtomicReference<EngineStats> after = new AtomicReference<>();
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), new EngineLimits(4, 7, 1L << 30))) {
            List<RecordingListener> recordings = IntStream.range(0, 4)
                    .mapToObj(i -> RecordingListener.onFinished(() -> after.set(engine.stats())))
                    .toList();
            List<ReferenceText.Prompt> prompts = reference.prompts().subList(0, 4);
            for (int i = 0; i < 4; i++) {
                engine.submit(
                        TestRequest.of("p" + i, prompts.get(i).ids())
                                .with(fixture.adapter("all"), 5)
                                .request(),
                        recordings.get(i));
            }
            for (int i = 0; i < 4; i++) {
                assertThat(recordings.get(i).choice().tokens())
                        .isEqualTo(prompts.get(i).greedy().get(5));
            }
            int promptTokens =
                    prompts.stream().mapToInt(prompt -> prompt.ids().size()).sum();
            assertThat(after.get().steps().count()).isGreaterThanOrEqualTo(promptTokens / 7);
        }
    }

    @Test
    @DisplayName("A background task runs one slice after each step until it has no more")
    void runsBackgroundTasks() throws RequestRejectedException {
        List<Long> steps = new ArrayList<>();
        CompletableFuture<List<Long>> done = new CompletableFuture<>();
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), new EngineLimits(4, 16, 1L << 30))) {
            RecordingListener running = RecordingListener.onFirstText(() -> engine.runInBackground(() -> {
                steps.add(engine.stats().steps().count());
                return steps.size() < 20 || !done.complete(List.copyOf(steps));
            }));
            engine.submit(
                    TestRequest.of("running", reference.prompts().get(3).ids())
                            .tokens(200)
                            .request(),
                    running);
            long first = done.orTimeout(30, TimeUnit.SECONDS).join().get(0);
            assertThat(done.join())
                    .isEqualTo(IntStream.range(0, 20).mapToObj(i -> first + i).toList());
            assertThat(running.choice().tokens()).hasSize(200);
            assertThat(steps).hasSize(20);
        }
    }

    @Test
    @DisplayName("Several background tasks take turns in an idle engine")
    void runsBackgroundTasksWhenIdle() {
        CompletableFuture<String> order = new CompletableFuture<>();
        StringBuilder slices = new StringBuilder();
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), new EngineLimits(4, 16, 1L << 30))) {
            engine.runInBackground(() -> {
                engine.runInBackground(() -> slices.append('a').length() < 9);
                engine.runInBackground(() -> slices.append('b').length() < 10 || !order.complete(slices.toString()));
                return false;
            });
            assertThat(order.orTimeout(30, TimeUnit.SECONDS).join()).isEqualTo("ababababab");
        }
    }

    @Test
    @DisplayName("A background task that throws is ended, and others continue")
    void isolatesFailingTasks() throws RequestRejectedException {
        CompletableFuture<Boolean> other = new CompletableFuture<>();
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), new EngineLimits(4, 16, 1L << 30))) {
            List<String> calls = new CopyOnWriteArrayList<>();
            engine.runInBackground(() -> {
                calls.add("once");
                throw new IllegalStateException("broken work");
            });
            engine.runInBackground(() -> !other.complete(true));
            RecordingListener recording = RecordingListener.plain();
            engine.submit(
                    TestRequest.of("beside", reference.prompts().get(0).ids()).request(), recording);
            assertThat(recording.choice().tokens())
                    .isEqualTo(reference.prompts().get(0).greedy().get(0));
            assertThat(other.orTimeout(30, TimeUnit.SECONDS).join()).isTrue();
            assertThat(calls).containsExactly("once");
        }
    }

    private static void submit(GenerationEngine engine, TestRequest request, RecordingListener recording) {
        GenerationEngineTest.submit(engine, request, recording);
    }
}
