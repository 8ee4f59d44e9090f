package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.model.ComputeType;
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
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(120)
@DisplayName("several engine instances")
class EngineInstancesTest {

    private static final EngineLayout THREE = new EngineLayout(3, 1, 1, 1, true);
    private static final List<String> ADAPTERS = List.of("all", "qv", "patterns", "some-layers");
    private static final double LOGPROB_ERROR = 1e-4;

    @ParameterizedTest
    @EnumSource(ComputeType.class)
    @DisplayName("share the rows, and give each the numbers that it has in a single instance")
    void sameNumbers(ComputeType type) throws Exception {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa", new ModelOptions(type))) {
            List<Ask> asks =
                    IntStream.range(0, 18).mapToObj(i -> ask(fixture, i)).toList();
            Set<String> threads = ConcurrentHashMap.newKeySet();
            Map<String, Completion.Choice> together = run(fixture, THREE, asks, threads);
            Map<String, Completion.Choice> single =
                    run(fixture, EngineLayout.single(1), asks, ConcurrentHashMap.newKeySet());
            assertThat(threads)
                    .containsExactlyInAnyOrder("tidemark-engine-0", "tidemark-engine-1", "tidemark-engine-2");
            // with other rows beside it a token of int8 and bf16 rounds otherwise, so only the first is compared there
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
    @DisplayName("run the same adapters while stacks of them are built, replaced and closed")
    void shareStacks() throws Exception {
        try (FixtureModel fixture =
                FixtureModel.load("llama-gqa", new ModelOptions(ComputeType.INT8, false, 1 << 20))) {
            List<Ask> asks = new ArrayList<>();
            for (int i = 0; i < 90; i++) {
                LoraWeights adapter = fixture.adapter(ADAPTERS.get((i / 9 + i) % ADAPTERS.size()));
                asks.add(Ask.about("ask-" + i, List.of(5 + i, 6, 7, 8 + i % 5))
                        .with(adapter, 6)
                        .stopAt(StopConditions.afterExactly(10 + i % 30))
                        .logprobs(0));
            }
            Map<String, Completion.Choice> together = run(fixture, THREE, asks, ConcurrentHashMap.newKeySet());
            for (Ask ask : asks) {
                Completion.Choice alone = run(
                                fixture, EngineLayout.single(1), List.of(ask), ConcurrentHashMap.newKeySet())
                        .get(ask.id());
                assertThat(together.get(ask.id()).logprobs().get(0).logprob())
                        .as(ask.id())
                        .isCloseTo(alone.logprobs().get(0).logprob(), within(0.15));
                assertThat(together.get(ask.id()).tokens()).hasSameSizeAs(alone.tokens());
            }
        }
    }

    @Test
    @DisplayName("run two requests at the same time, one in each, although the listener of one holds up its instance")
    void runBesideEachOther() throws Exception {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa");
                GenerationEngine engine =
                        GenerationEngine.start(fixture.model(), new EngineLimits(4, 32, 1L << 30), THREE)) {
            CountDownLatch other = new CountDownLatch(1);
            Recording held = Recording.onFirstText(() -> await(other));
            engine.submit(
                    Ask.about("held", List.of(5, 6, 7))
                            .stopAt(StopConditions.afterExactly(10))
                            .request(),
                    held);
            Recording free = Recording.plain();
            engine.submit(
                    Ask.about("free", List.of(5, 6, 8))
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
    @DisplayName(
            "keep to the slots of all together, and run all choices of a request, as many as there are slots, in one of them")
    void choicesTogether() throws Exception {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa");
                GenerationEngine engine =
                        GenerationEngine.start(fixture.model(), new EngineLimits(5, 32, 1L << 30), THREE)) {
            List<Integer> rows = new CopyOnWriteArrayList<>();
            List<Recording> recordings = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                Recording recording =
                        Recording.onFirstText(() -> rows.add(engine.stats().runningRows()));
                engine.submit(
                        Ask.about("wide-" + i, List.of(5, 6, 7 + i))
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
    @DisplayName(
            "give memory that they don't use to a request that needs nearly all of it, in whichever of them it runs")
    void memoryMoves() throws Exception {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa")) {
            long bytes = 520 * fixture.model().decoder().kvBytesPerToken();
            try (GenerationEngine engine =
                    GenerationEngine.start(fixture.model(), new EngineLimits(6, 32, bytes, bytes / 2), THREE)) {
                for (int round = 0; round < 3; round++) {
                    List<Recording> recordings = new ArrayList<>();
                    for (int i = 0; i < 6; i++) {
                        recordings.add(Recording.plain());
                        engine.submit(
                                Ask.about("small-" + i, Collections.nCopies(65, 5 + i))
                                        .tokens(5)
                                        .request(),
                                recordings.get(i));
                    }
                    recordings.add(Recording.plain());
                    engine.submit(
                            Ask.about("large", Collections.nCopies(370, 77 + round))
                                    .tokens(5)
                                    .request(),
                            recordings.get(6));
                    recordings.forEach(
                            recording -> assertThat(recording.choice().tokens()).isNotEmpty());
                    assertThat(engine.stats().kvBytesReserved()).isLessThanOrEqualTo(bytes);
                }
            }
        }
    }

    @Test
    @DisplayName("end cancelled requests wherever they are, those that wait too")
    void cancelled() throws Exception {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa");
                GenerationEngine engine =
                        GenerationEngine.start(fixture.model(), new EngineLimits(3, 32, 1L << 30), THREE)) {
            Map<String, Recording> recordings = new LinkedHashMap<>();
            for (int i = 0; i < 40; i++) {
                recordings.put("ask-" + i, Recording.plain());
                engine.submit(
                        Ask.about("ask-" + i, List.of(5, 6, 7 + i))
                                .stopAt(StopConditions.afterExactly(400))
                                .request(),
                        recordings.get("ask-" + i));
            }
            recordings.keySet().forEach(id -> engine.cancel(id, FinishReason.CANCELLED));
            recordings.forEach((id, recording) -> assertThat(recording.choice().finishReason())
                    .as(id)
                    .isIn(FinishReason.CANCELLED, FinishReason.LENGTH));
            assertThat(recordings.get("ask-39").choice().tokens()).isEmpty();
            assertThat(engine.stats().queuedRequests()).isZero();
        }
    }

    @Test
    @DisplayName("all end when one of them dies: the engine says so once, fails what all had to do, and takes no more")
    void oneDies() throws Exception {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa");
                GenerationEngine engine =
                        GenerationEngine.start(fixture.model(), new EngineLimits(4, 32, 1L << 30), THREE)) {
            List<String> heard = new CopyOnWriteArrayList<>();
            engine.death().thenRun(() -> heard.add("death"));
            List<Recording> others = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                others.add(Recording.onFinished(() -> heard.add("other")));
            }
            for (int i = 0; i < 2; i++) {
                engine.submit(
                        Ask.about("running-" + i, List.of(5, 6, 7 + i))
                                .stopAt(StopConditions.afterExactly(500))
                                .request(),
                        others.get(i));
            }
            engine.submit(Ask.about("deadly", List.of(5, 6, 7)).request(), Recording.onFirstText(() -> {
                throw new OutOfMemoryError("for this test");
            }));
            for (int i = 2; i < 6; i++) {
                try {
                    engine.submit(
                            Ask.about("late-" + i, List.of(5, 6, 7 + i))
                                    .stopAt(StopConditions.afterExactly(500))
                                    .request(),
                            others.get(i));
                } catch (IllegalStateException closed) {
                    heard.add("other");
                    continue;
                }
                assertThat(others.get(i).failure().code()).isEqualTo("engine_error");
            }
            assertThat(others.get(0).failure().code()).isEqualTo("engine_error");
            assertThat(others.get(1).failure().code()).isEqualTo("engine_error");
            assertThat(heard).startsWith("death").containsOnlyOnce("death");
        }
    }

    private static Ask ask(FixtureModel fixture, int i) {
        Ask ask = Ask.about(
                        "ask-" + i,
                        IntStream.range(0, 3 + i * 9)
                                .map(at -> 3 + (i * 31 + at * at + i * at) % 400)
                                .boxed()
                                .toList())
                .stopAt(StopConditions.afterExactly(12))
                .logprobs(0);
        return i % 5 == 4 ? ask : ask.with(fixture.adapter(ADAPTERS.get(i % ADAPTERS.size())), 1 + i % 6);
    }

    private static Map<String, Completion.Choice> run(
            FixtureModel fixture, EngineLayout layout, List<Ask> asks, Set<String> threads) throws RequestRefused {
        Map<String, Completion.Choice> choices = new LinkedHashMap<>();
        try (GenerationEngine engine =
                GenerationEngine.start(fixture.model(), new EngineLimits(12, 256, 1L << 30), layout)) {
            Map<String, Recording> recordings = new LinkedHashMap<>();
            for (Ask ask : asks) {
                recordings.put(
                        ask.id(),
                        Recording.onFinished(
                                () -> threads.add(Thread.currentThread().getName())));
                engine.submit(ask.request(), recordings.get(ask.id()));
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
