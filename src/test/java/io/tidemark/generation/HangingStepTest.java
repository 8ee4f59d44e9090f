package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.generation.Engine.RunningStep;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("While a step hangs")
class HangingStepTest {

    @Test
    @DisplayName("The engine names its requests, ends a queued request that is cancelled, and does not wait at its end")
    void hangs() throws Exception {
        CountDownLatch reached = new CountDownLatch(1);
        CountDownLatch gate = new CountDownLatch(1);
        try (FixtureModel fixture = FixtureModel.load("llama-gqa");
                GenerationEngine engine = GenerationEngine.start(fixture.model(), new EngineLimits(1, 64, 1L << 30))) {
            List<Integer> prompt = fixture.reference("all").prompts().get(3).ids();
            RecordingListener running = RecordingListener.onFirstText(() -> {
                reached.countDown();
                await(gate);
            });
            engine.submit(TestRequest.of("running", prompt).tokens(500).request(), running);
            assertThat(reached.await(60, TimeUnit.SECONDS)).isTrue();
            RunningStep step = engine.runningStep().orElseThrow();
            assertThat(step.requests()).containsExactly("running");
            RecordingListener queued = RecordingListener.plain();
            engine.submit(TestRequest.of("queued", prompt).tokens(500).request(), queued);
            engine.cancel("queued", FinishReason.DEADLINE);
            assertThat(queued.completion().choices())
                    .singleElement()
                    .satisfies(choice -> assertThat(choice.finishReason()).isEqualTo(FinishReason.DEADLINE));
            assertThat(engine.runningStep()).containsSame(step);
            assertThat(engine.close(Duration.ofMillis(50))).isFalse();
            gate.countDown();
            assertThat(engine.close(Duration.ofSeconds(30))).isTrue();
            assertThat(engine.runningStep()).isEmpty();
        }
    }

    @Test
    @DisplayName("An interrupt does not end close() while a step runs, and the interrupt status is kept")
    void interruptedClose() throws Exception {
        CountDownLatch reached = new CountDownLatch(1);
        CountDownLatch gate = new CountDownLatch(1);
        try (FixtureModel fixture = FixtureModel.load("llama-gqa")) {
            GenerationEngine engine = GenerationEngine.start(fixture.model(), new EngineLimits(1, 64, 1L << 30));
            engine.submit(
                    TestRequest.of("running", List.of(5, 6, 7)).tokens(500).request(),
                    RecordingListener.onFirstText(() -> {
                        reached.countDown();
                        await(gate);
                    }));
            assertThat(reached.await(60, TimeUnit.SECONDS)).isTrue();
            AtomicBoolean interrupted = new AtomicBoolean();
            Thread closing = new Thread(() -> {
                Thread.currentThread().interrupt();
                engine.close();
                interrupted.set(Thread.currentThread().isInterrupted());
            });
            closing.start();
            Set<Thread.State> states =
                    EnumSet.of(Thread.State.WAITING, Thread.State.TIMED_WAITING, Thread.State.TERMINATED);
            Awaitility.await().until(() -> states.contains(closing.getState()));
            assertThat(closing.getState()).isNotEqualTo(Thread.State.TERMINATED);
            gate.countDown();
            closing.join();
            assertThat(interrupted).isTrue();
            assertThat(engine.isAlive()).isFalse();
        }
    }

    private static void await(CountDownLatch gate) {
        try {
            gate.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
