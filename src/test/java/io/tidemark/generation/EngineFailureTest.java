package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.fixture.FixtureModel;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Engine failure")
class EngineFailureTest {

    private static final List<Integer> PROMPT = List.of(5, 6, 7);

    @Test
    @DisplayName("An error in an engine thread completes failure(), then fails all requests, and new ones are rejected")
    void fails() throws RequestRejectedException {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa");
                GenerationEngine engine = GenerationEngine.start(fixture.model(), new EngineLimits(2, 32, 1L << 30))) {
            List<String> events = new CopyOnWriteArrayList<>();
            engine.failure().thenRun(() -> events.add("failure"));
            RecordingListener running = RecordingListener.onFinished(() -> events.add("running"));
            RecordingListener waiting = RecordingListener.onFinished(() -> events.add("waiting"));
            engine.submit(
                    TestRequest.of("running", PROMPT)
                            .stopAt(StopConditions.afterExactly(500))
                            .request(),
                    running);
            engine.submit(TestRequest.of("fatal", PROMPT).request(), RecordingListener.onFirstText(() -> {
                throw new OutOfMemoryError("for this test");
            }));
            engine.submit(TestRequest.of("waiting", PROMPT).request(), waiting);

            assertThat(running.failure().code()).isEqualTo("engine_error");
            assertThat(waiting.failure().code()).isEqualTo("engine_error");
            assertThat(events)
                    .containsExactlyInAnyOrder("failure", "running", "waiting")
                    .startsWith("failure");
            Awaitility.await().until(() -> !engine.isAlive());
            assertThatIllegalStateException()
                    .isThrownBy(
                            () -> engine.submit(TestRequest.of("late", PROMPT).request(), RecordingListener.plain()));
        }
    }

    @Test
    @DisplayName("If the action at a failure throws, too, the thread ends nevertheless and its request fails")
    void failingAction() {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa")) {
            EngineLimits limits = new EngineLimits(2, 64, 1L << 30);
            RequestQueue queue = new RequestQueue(limits, () -> {});
            EngineThread thread = new EngineThread(
                    fixture.model(),
                    limits,
                    queue,
                    new KvPool(fixture.model().decoder().kvCache(), limits.kvBytes()),
                    new StepMasks(
                            fixture.model().config().vocabularySize(),
                            limits.maskTimePerStep(),
                            StepMasks.Clocks.system()),
                    () -> {
                        throw new IllegalStateException("for this test");
                    });
            thread.start();
            RecordingListener listener = RecordingListener.onFirstText(() -> {
                throw new OutOfMemoryError("for this test");
            });
            queue.add(new SubmittedRequest(TestRequest.of("fatal", PROMPT).request(), listener, 0));
            thread.wake();
            assertThat(listener.failure().code()).isEqualTo("engine_error");
            assertThat(thread.join(Duration.ofSeconds(30))).isTrue();
        }
    }

    @Test
    @DisplayName("Closing the engine does not complete failure()")
    void isClosed() {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa")) {
            GenerationEngine engine = GenerationEngine.start(fixture.model(), new EngineLimits(2, 32, 1L << 30));
            engine.close();
            assertThat(engine.failure().toCompletableFuture()).isNotDone();
        }
    }
}
