package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.IntToLongFunction;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("the threads of a step")
class StepWidthTest {

    private static final int TOKENS = 8;

    private boolean alone = true;
    private StepWidth width =
            new StepWidth(new EngineLayout(1, 4, 4, 1, false), () -> alone, new ReentrantReadWriteLock());

    @Test
    @DisplayName(
            "are as many as the layout has while that is faster, but for a few steps that look whether it still is")
    void wide() {
        assertThat(stepsWithHalf(2000, threads -> 1000 / threads)).isBetween(2, 20);
    }

    @Test
    @DisplayName(
            "are half as many where those of a wide step wait for each other, and all again when they don't any more")
    void contended() {
        stepsWithHalf(200, threads -> 1000 / threads);
        assertThat(stepsWithHalf(2000, threads -> threads > 2 ? 9000 : 500)).isGreaterThan(1900);
        stepsWithHalf(1100, threads -> 1000 / threads);
        assertThat(stepsWithHalf(1000, threads -> 1000 / threads)).isLessThan(20);
    }

    @Test
    @DisplayName("are learnt for steps of similar size, and not from others")
    void bySize() {
        stepsWithHalf(100, threads -> threads > 2 ? 9000 : 500);
        assertThat(width.threads(TOKENS)).isEqualTo(2);
        assertThat(width.threads(16 * TOKENS)).isEqualTo(4);
    }

    @Test
    @DisplayName(
            "are the instance's share while others run, and of a lone large step all; always the same where they are fixed")
    void share() {
        width = new StepWidth(new EngineLayout(4, 1, 4, 32, false), () -> alone, new ReentrantReadWriteLock());
        assertThat(width.threads(31)).isEqualTo(1);
        assertThat(width.threads(32)).isEqualTo(4);
        alone = false;
        assertThat(width.threads(32)).isEqualTo(1);
        width = new StepWidth(new EngineLayout(1, 4, 4, 1, true), () -> true, new ReentrantReadWriteLock());
        assertThat(stepsWithHalf(100, threads -> threads > 2 ? 9000 : 500)).isZero();
    }

    @Test
    @DisplayName("are together never more than the processors: a lone wide step excludes the steps of other instances")
    void exclusive() throws Exception {
        ReadWriteLock processors = new ReentrantReadWriteLock();
        EngineLayout layout = new EngineLayout(2, 1, 2, 1, false);
        StepWidth first = new StepWidth(layout, () -> true, processors);
        StepWidth second = new StepWidth(layout, () -> false, processors);
        AtomicBoolean wideStepRuns = new AtomicBoolean();
        CountDownLatch begun = new CountDownLatch(1);
        Thread other = new Thread(() -> second.run(TOKENS, threads -> {
            assertThat(wideStepRuns).isFalse();
            begun.countDown();
            return threads;
        }));
        assertThat(first.<Integer>run(TOKENS, threads -> {
                    wideStepRuns.set(true);
                    other.start();
                    // until the other instance waits for the processors
                    await().until(() -> other.getState() == Thread.State.WAITING);
                    wideStepRuns.set(false);
                    return threads;
                }))
                .isEqualTo(2);
        begun.await();
        other.join();
        // the first instance gets one thread while the second has a step
        second.run(
                TOKENS,
                threads -> assertThat(first.<Integer>run(TOKENS, own -> own)).isEqualTo(1));
    }

    private int stepsWithHalf(int steps, IntToLongFunction nanos) {
        int half = 0;
        for (int i = 0; i < steps; i++) {
            int threads = width.threads(TOKENS);
            half += threads == 2 ? 1 : 0;
            width.took(threads, TOKENS, nanos.applyAsLong(threads));
        }
        return half;
    }
}
