package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.kvcache.KvBlocks;
import io.tidemark.decoder.kvcache.KvBudget;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.generation.layout.EngineLayout;
import io.tidemark.generation.layout.StepThreads;
import io.tidemark.grammar.GrammarMasks;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import java.util.stream.Stream;
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
    @DisplayName("If the action at a failure throws, too, the other threads end nevertheless")
    void failingAction() {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa")) {
            EngineLimits limits = new EngineLimits(2, 64, 1L << 30);
            EngineLayout layout = new EngineLayout(2, 1, 2, 1, false);
            InstanceGroups groups = new InstanceGroups(2, new FixedWidth(2));
            RequestQueue queue = new RequestQueue(limits, 2, groups::wake);
            KvBlocks blocks = new KvBlocks(fixture.model().decoder().kvCache(), new KvBudget(limits.kvBytes(), 2), 2);
            List<EngineInstance> instances = IntStream.range(0, 2)
                    .mapToObj(i -> new EngineInstance(fixture.model(), limits, 2, i, queue, blocks, groups))
                    .toList();
            List<Decoder> jointDecoders = Stream.generate(
                            () -> fixture.model().decoder().shareWeights())
                    .limit(2)
                    .toList();
            List<EngineThread> threads = instances.stream()
                    .map(instance -> new EngineThread(
                            layout,
                            instance,
                            instances,
                            groups,
                            new StepThreads(layout),
                            new StepMasks(
                                    fixture.model().config().vocabularySize(),
                                    GrammarMasks::advance,
                                    limits.maskTimePerStep(),
                                    StepMasks.Clocks.system()),
                            jointDecoders,
                            () -> {
                                throw new IllegalStateException("for this test");
                            }))
                    .toList();
            threads.forEach(EngineThread::start);
            RecordingListener listener = RecordingListener.onFirstText(() -> {
                throw new OutOfMemoryError("for this test");
            });
            queue.add(new SubmittedRequest(TestRequest.of("fatal", PROMPT).request(), listener, 0));
            assertThat(listener.failure().code()).isEqualTo("engine_error");
            for (EngineThread thread : threads) {
                assertThat(thread.join(Duration.ofSeconds(30))).isTrue();
            }
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
