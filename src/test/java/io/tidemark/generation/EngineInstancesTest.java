package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.SupportedKernels;
import io.tidemark.generation.layout.EngineLayout;
import io.tidemark.model.ComputeType;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelOptions;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(120)
@DisplayName("Several engine instances")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EngineInstancesTest {

    private static final EngineLayout THREE = EngineLayout.fixed(3, 1);
    private static final List<String> ADAPTERS = List.of("all", "qv", "patterns", "some-layers");
    private static final double LOGPROB_ERROR = 1e-4;

    private FixtureModel model;

    @BeforeAll
    void load() {
        model = FixtureModel.load("llama-gqa");
    }

    @AfterAll
    void close() {
        model.close();
    }

    @ParameterizedTest
    @EnumSource(ComputeType.class)
    @DisplayName("Several instances run the sequences with the log-probabilities of a single instance")
    void sameNumbers(ComputeType type) throws Exception {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa", new ModelOptions(type).with(Kernels.TORCH))) {
            List<TestRequest> requests =
                    IntStream.range(0, 18).mapToObj(i -> request(fixture, i)).toList();
            Set<String> threads = ConcurrentHashMap.newKeySet();
            Map<String, Completion.Choice> together = run(fixture, THREE, requests, threads);
            Map<String, Completion.Choice> single =
                    run(fixture, EngineLayout.single(1), requests, ConcurrentHashMap.newKeySet());
            assertThat(threads)
                    .containsExactlyInAnyOrder("tidemark-engine-0", "tidemark-engine-1", "tidemark-engine-2");
            // with int8 and bf16 the rounding depends on the other rows of the batch, so only the first token is
            // compared
            int compared = type == ComputeType.FP32 ? 12 : 1;
            double error = type == ComputeType.FP32 ? LOGPROB_ERROR : 0.1;
            single.forEach((id, expected) -> {
                for (int token = 0; token < compared; token++) {
                    assertThat(together.get(id).logprobs().get(token).logprob())
                            .as(id)
                            .isCloseTo(expected.logprobs().get(token).logprob(), within(error));
                }
            });
        }
    }

    @Test
    @DisplayName("Native kernels have one instance with all processors, whatever number of instances is chosen")
    void nativeKernels() {
        SupportedKernels.assume(Kernels.AUTO);
        try (FixtureModel fixture =
                FixtureModel.load("llama-gqa", new ModelOptions(ComputeType.INT8).with(Kernels.AUTO))) {
            assertThat(EngineLayout.of(fixture.model().decoder(), 3, 0)).isEqualTo(EngineLayout.single(1));
        }
    }

    @Test
    @DisplayName("Several instances run the same adapters while packed LoRA groups are built, replaced and closed")
    void sharePackedGroups() throws Exception {
        try (FixtureModel fixture = FixtureModel.load(
                "llama-gqa", new ModelOptions(ComputeType.INT8, false, 1 << 20).with(Kernels.TORCH))) {
            List<TestRequest> requests = new ArrayList<>();
            for (int i = 0; i < 90; i++) {
                LoraWeights adapter = fixture.adapter(ADAPTERS.get((i / 9 + i) % ADAPTERS.size()));
                requests.add(TestRequest.of("request-" + i, List.of(5 + i, 6, 7, 8 + i % 5))
                        .with(adapter, 6)
                        .stopAt(StopConditions.afterExactly(10 + i % 30))
                        .logprobs(0));
            }
            Map<String, Completion.Choice> together = run(fixture, THREE, requests, ConcurrentHashMap.newKeySet());
            for (TestRequest request : requests) {
                Completion.Choice alone = run(
                                fixture, EngineLayout.single(1), List.of(request), ConcurrentHashMap.newKeySet())
                        .get(request.id());
                assertThat(together.get(request.id()).logprobs().get(0).logprob())
                        .as(request.id())
                        .isCloseTo(alone.logprobs().get(0).logprob(), within(0.15));
                assertThat(together.get(request.id()).tokens()).hasSameSizeAs(alone.tokens());
            }
        }
    }

    @Test
    @DisplayName("A listener that blocks its instance does not delay a request of another instance")
    void runConcurrently() throws Exception {
        try (GenerationEngine engine = start(new EngineLimits(4, 32, 1L << 30))) {
            CountDownLatch other = new CountDownLatch(1);
            RecordingListener held = RecordingListener.onFirstText(() -> await(other));
            engine.submit(
                    TestRequest.of("held", List.of(5, 6, 7))
                            .stopAt(StopConditions.afterExactly(10))
                            .request(),
                    held);
            RecordingListener free = RecordingListener.plain();
            engine.submit(
                    TestRequest.of("free", List.of(5, 6, 8))
                            .stopAt(StopConditions.afterExactly(10))
                            .request(),
                    free);
            assertThat(free.choice().tokens()).hasSize(10);
            assertThat(held.hasEnded()).isFalse();
            other.countDown();
            assertThat(held.choice().tokens()).hasSize(10);
        }
    }

    @Test
    @DisplayName("Max-num-seqs applies to all instances together, and one instance runs all choices of a request")
    void choicesTogether() throws Exception {
        try (GenerationEngine engine = start(new EngineLimits(5, 32, 1L << 30))) {
            List<Integer> rows = new CopyOnWriteArrayList<>();
            List<RecordingListener> recordings = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                RecordingListener recording = RecordingListener.onFirstText(
                        () -> rows.add(engine.stats().runningSequences()));
                engine.submit(
                        TestRequest.of("wide-" + i, List.of(5, 6, 7 + i))
                                .choices(i % 2 == 0 ? 5 : 2)
                                .sampled(1, i)
                                .tokens(8)
                                .request(),
                        recording);
                recordings.add(recording);
            }
            for (int i = 0; i < recordings.size(); i++) {
                assertThat(recordings.get(i).completion().choices()).hasSize(i % 2 == 0 ? 5 : 2);
            }
            assertThat(rows).allMatch(running -> running <= 5);
        }
    }

    @Test
    @DisplayName("Unused memory of all instances is available to a request that needs nearly all of it")
    void unusedMemoryIsShared() throws Exception {
        long bytes = 520 * model.model().decoder().kvBytesPerToken();
        try (GenerationEngine engine = start(new EngineLimits(6, 32, bytes, bytes / 2))) {
            for (int round = 0; round < 3; round++) {
                List<RecordingListener> recordings = new ArrayList<>();
                for (int i = 0; i < 6; i++) {
                    recordings.add(RecordingListener.plain());
                    engine.submit(
                            TestRequest.of("small-" + i, Collections.nCopies(65, 5 + i))
                                    .tokens(5)
                                    .request(),
                            recordings.get(i));
                }
                recordings.add(RecordingListener.plain());
                engine.submit(
                        TestRequest.of("large", Collections.nCopies(370, 77 + round))
                                .tokens(5)
                                .request(),
                        recordings.get(6));
                recordings.forEach(
                        recording -> assertThat(recording.choice().tokens()).isNotEmpty());
                assertThat(engine.stats().kvBytesReserved()).isLessThanOrEqualTo(bytes);
            }
        }
    }

    @Test
    @DisplayName("Cancelled requests end in any instance and in the queue")
    void cancelled() throws Exception {
        try (GenerationEngine engine = start(new EngineLimits(3, 32, 1L << 30))) {
            Map<String, RecordingListener> recordings = new LinkedHashMap<>();
            for (int i = 0; i < 40; i++) {
                recordings.put("request-" + i, RecordingListener.plain());
                engine.submit(
                        TestRequest.of("request-" + i, List.of(5, 6, 7 + i))
                                .stopAt(StopConditions.afterExactly(400))
                                .request(),
                        recordings.get("request-" + i));
            }
            // the last ones first: no running request ends and makes space for a queued one
            for (int i = 39; i >= 0; i--) {
                engine.cancel("request-" + i, FinishReason.CANCELLED);
            }
            recordings.forEach((id, recording) -> assertThat(recording.choice().finishReason())
                    .as(id)
                    .isIn(FinishReason.CANCELLED, FinishReason.LENGTH));
            assertThat(recordings.get("request-39").choice().tokens()).isEmpty();
            assertThat(engine.stats().queuedRequests()).isZero();
        }
    }

    @Test
    @DisplayName("The failure of one instance completes failure() once, fails all requests, and new ones are rejected")
    void oneFails() throws Exception {
        try (GenerationEngine engine = start(new EngineLimits(4, 32, 1L << 30))) {
            List<String> events = new CopyOnWriteArrayList<>();
            engine.failure().thenRun(() -> events.add("failure"));
            List<RecordingListener> others = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                others.add(RecordingListener.onFinished(() -> events.add("other")));
            }
            for (int i = 0; i < 2; i++) {
                engine.submit(
                        TestRequest.of("running-" + i, List.of(5, 6, 7 + i))
                                .stopAt(StopConditions.afterExactly(500))
                                .request(),
                        others.get(i));
            }
            engine.submit(TestRequest.of("fatal", List.of(5, 6, 7)).request(), RecordingListener.onFirstText(() -> {
                throw new OutOfMemoryError("for this test");
            }));
            for (int i = 2; i < 6; i++) {
                try {
                    engine.submit(
                            TestRequest.of("late-" + i, List.of(5, 6, 7 + i))
                                    .stopAt(StopConditions.afterExactly(500))
                                    .request(),
                            others.get(i));
                } catch (IllegalStateException closed) {
                    events.add("other");
                    continue;
                }
                assertThat(others.get(i).failure().code()).isEqualTo("engine_error");
            }
            assertThat(others.get(0).failure().code()).isEqualTo("engine_error");
            assertThat(others.get(1).failure().code()).isEqualTo("engine_error");
            assertThat(events).startsWith("failure").containsOnlyOnce("failure");
        }
    }

    private GenerationEngine start(EngineLimits limits) {
        return GenerationEngine.start(model.model(), limits, THREE);
    }

    private static TestRequest request(FixtureModel fixture, int i) {
        TestRequest request = TestRequest.of(
                        "request-" + i,
                        IntStream.range(0, 3 + i * 9)
                                .map(at -> 3 + (i * 31 + at * at + i * at) % 400)
                                .boxed()
                                .toList())
                .stopAt(StopConditions.afterExactly(12))
                .logprobs(0);
        return i % 5 == 4 ? request : request.with(fixture.adapter(ADAPTERS.get(i % ADAPTERS.size())), 1 + i % 6);
    }

    private static Map<String, Completion.Choice> run(
            FixtureModel fixture, EngineLayout layout, List<TestRequest> requests, Set<String> threads)
            throws RequestRejectedException {
        Map<String, Completion.Choice> choices = new LinkedHashMap<>();
        try (GenerationEngine engine =
                GenerationEngine.start(fixture.model(), new EngineLimits(12, 256, 1L << 30), layout)) {
            Map<String, RecordingListener> recordings = new LinkedHashMap<>();
            for (TestRequest request : requests) {
                recordings.put(
                        request.id(),
                        RecordingListener.onFinished(
                                () -> threads.add(Thread.currentThread().getName())));
                engine.submit(request.request(), recordings.get(request.id()));
            }
            recordings.forEach((id, recording) -> choices.put(id, recording.choice()));
        }
        return choices;
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(60, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
