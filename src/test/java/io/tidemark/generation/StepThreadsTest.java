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

@DisplayName("Threads of a step")
class StepThreadsTest {

    private static final int TOKENS = 8;

    private boolean alone = true;
    private StepThreads threads =
            new StepThreads(new EngineLayout(1, 4, 4, 1, false), () -> alone, new ReentrantReadWriteLock());

    @Test
    @DisplayName("All threads are used while they are faster, except for a few trial steps")
    void all() {
        assertThat(stepsWithHalf(2000, count -> 1000 / count)).isBetween(2, 20);
    }

    @Test
    @DisplayName("Half of the threads are used while all threads wait for each other")
    void contended() {
        stepsWithHalf(200, count -> 1000 / count);
        assertThat(stepsWithHalf(2000, count -> count > 2 ? 9000 : 500)).isGreaterThan(1900);
        stepsWithHalf(1100, count -> 1000 / count);
        assertThat(stepsWithHalf(1000, count -> 1000 / count)).isLessThan(20);
    }

    @Test
    @DisplayName("Timings apply to steps of similar size only")
    void bySize() {
        stepsWithHalf(100, count -> count > 2 ? 9000 : 500);
        assertThat(threads.threadsFor(TOKENS)).isEqualTo(2);
        assertThat(threads.threadsFor(16 * TOKENS)).isEqualTo(4);
    }

    @Test
    @DisplayName(
            "A lone large step uses all processors, other steps the instance's share, and fixed numbers do not change")
    void share() {
        threads = new StepThreads(new EngineLayout(4, 1, 4, 32, false), () -> alone, new ReentrantReadWriteLock());
        assertThat(threads.threadsFor(31)).isEqualTo(1);
        assertThat(threads.threadsFor(32)).isEqualTo(4);
        alone = false;
        assertThat(threads.threadsFor(32)).isEqualTo(1);
        threads = new StepThreads(new EngineLayout(1, 4, 4, 1, true), () -> true, new ReentrantReadWriteLock());
        assertThat(stepsWithHalf(100, count -> count > 2 ? 9000 : 500)).isZero();
    }

    @Test
    @DisplayName("A step that uses all processors excludes steps of other instances")
    void exclusive() throws Exception {
        ReadWriteLock processors = new ReentrantReadWriteLock();
        EngineLayout layout = new EngineLayout(2, 1, 2, 1, false);
        StepThreads first = new StepThreads(layout, () -> true, processors);
        StepThreads second = new StepThreads(layout, () -> false, processors);
        AtomicBoolean exclusiveStepRuns = new AtomicBoolean();
        CountDownLatch started = new CountDownLatch(1);
        Thread other = new Thread(() -> second.run(TOKENS, count -> {
            assertThat(exclusiveStepRuns).isFalse();
            started.countDown();
            return count;
        }));
        assertThat(first.<Integer>run(TOKENS, count -> {
                    exclusiveStepRuns.set(true);
                    other.start();
                    // until the other instance waits for the lock
                    await().until(() -> other.getState() == Thread.State.WAITING);
                    exclusiveStepRuns.set(false);
                    return count;
                }))
                .isEqualTo(2);
        started.await();
        other.join();
        // the first instance uses one thread while the second runs a step
        second.run(
                TOKENS,
                count -> assertThat(first.<Integer>run(TOKENS, own -> own)).isEqualTo(1));
    }

    private int stepsWithHalf(int steps, IntToLongFunction nanos) {
        int half = 0;
        for (int i = 0; i < steps; i++) {
            int count = threads.threadsFor(TOKENS);
            half += count == 2 ? 1 : 0;
            threads.record(count, TOKENS, threads.max(TOKENS), nanos.applyAsLong(count));
        }
        return half;
    }
}
