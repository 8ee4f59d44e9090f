package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ModelOptions;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(120)
@DisplayName("Estimate of the time until a request ends")
class StepsLeftTest {

    private static final EngineLimits LIMITS = new EngineLimits(16, 64, 1L << 30);

    @ParameterizedTest
    @CsvSource({"false, 16, 2", "false, 100, 2", "true, 64, 20", "true, 150, 20"})
    @DisplayName(
            "A request needs no more steps than stated, and few less: prompts, choices and older prompts are counted")
    void bounds(boolean deterministic, int promptTokensPerStep, int fewer) {
        ComputeType type = deterministic ? ComputeType.INT8 : ComputeType.FP32;
        try (FixtureModel fixture = FixtureModel.load("llama-gqa", new ModelOptions(type, deterministic));
                KvPool pool = new KvPool(fixture.model().decoder().kvCache(), LIMITS.kvBytes())) {
            RequestQueue queue = new RequestQueue(LIMITS, () -> {});
            Scheduler scheduler = new Scheduler(fixture.model(), queue, pool, promptTokensPerStep);
            StepResults results = new StepResults(scheduler);
            StepLoop loop = new StepLoop(
                    fixture.model().decoder(),
                    results,
                    new StepMasks(420, LIMITS.maskTimePerStep(), StepMasks.Clocks.system()),
                    ids -> {});
            Map<String, RecordingListener> listeners = new LinkedHashMap<>();
            Map<String, List<Integer>> stated = new LinkedHashMap<>();
            int[] promptTokens = {40, 1, 7, 200, 65, 130, 33};
            for (int i = 0; i < promptTokens.length; i++) {
                TestRequest request = TestRequest.of("request-" + i, Collections.nCopies(promptTokens[i], 5 + i))
                        .stopAt(StopConditions.afterExactly(1 + i * 3))
                        .choices(1 + i % 3);
                listeners.put(request.id(), RecordingListener.plain());
                stated.put(request.id(), new ArrayList<>());
                queue.add(new SubmittedRequest(request.request(), listeners.get(request.id()), 0));
                assertThat(scheduler.stepsLeft(request.id()))
                        .as("a waiting request")
                        .isEmpty();
            }
            while (listeners.values().stream().anyMatch(listener -> !listener.hasEnded())) {
                assertThat(loop.step()).isPositive();
                listeners.forEach((id, listener) -> {
                    assertThat(listener.hasEnded() && scheduler.stepsLeft(id).isPresent())
                            .as("an ended request runs")
                            .isFalse();
                    scheduler.stepsLeft(id).ifPresent(stated.get(id)::add);
                });
            }
            stated.forEach((id, steps) -> {
                for (int i = 0; i < steps.size(); i++) {
                    assertThat(steps.get(i)).as(id + " " + steps).isBetween(steps.size() - i, steps.size() - i + fewer);
                }
            });
            assertThat(stated.get("request-3"))
                    .as("10 tokens after a prompt of 200 tokens in several steps")
                    .hasSizeGreaterThan(9);
        }
    }

    @Test
    @DisplayName("An engine states the time from any thread while a request runs, and none before and after")
    void engine() throws Exception {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa");
                GenerationEngine engine = GenerationEngine.start(fixture.model(), new EngineLimits(1, 64, 1L << 30))) {
            List<OptionalDouble> running = new ArrayList<>();
            List<OptionalDouble> waiting = new ArrayList<>();
            RecordingListener second = RecordingListener.plain();
            RecordingListener first = RecordingListener.onFirstText(() -> {
                GenerationEngineTest.submit(engine, TestRequest.of("second", List.of(5)), second);
                // in a step: the thread of the engine waits for this one
                CompletableFuture.runAsync(() -> {
                            running.add(engine.secondsLeft("first"));
                            waiting.add(engine.secondsLeft("second"));
                        })
                        .join();
            });
            // only after a step the duration is finite
            engine.submit(TestRequest.of("before", List.of(5)).request()).get(60, TimeUnit.SECONDS);
            assertThat(engine.secondsLeft("before")).isEmpty();
            engine.submit(
                    TestRequest.of("first", IntStream.range(3, 30).boxed().toList())
                            .stopAt(StopConditions.afterExactly(40))
                            .request(),
                    first);
            assertThat(second.completion().choices()).hasSize(1);
            assertThat(running)
                    .hasSize(1)
                    .allSatisfy(seconds ->
                            assertThat(seconds.getAsDouble()).isPositive().isFinite());
            assertThat(waiting).containsExactly(OptionalDouble.empty());
            assertThat(engine.secondsLeft("first")).isEmpty();
        }
    }
}
