package io.tidemark.generation.layout;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.IntToLongFunction;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Threads of a step")
class StepThreadsTest {

    private static final int TOKENS = 8;

    private static final int PROCESSORS = 4;

    private StepThreads threads = new StepThreads(new EngineLayout(1, 4, 4, 1, false));

    @Test
    @DisplayName("All threads are used while they are faster, except for a few trial steps")
    void all() {
        assertThat(stepsWithHalf(2000, count -> 1000 / count)).isBetween(2, 20);
    }

    @Test
    @DisplayName("A trial of half of the threads ends after three steps if they are slower by any amount")
    void slightlySlowerHalf() {
        assertThat(stepsWithHalf(2000, count -> count > 2 ? 1000 : 1050)).isBetween(2, 20);
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
        assertThat(threads.threadsFor(TOKENS, PROCESSORS)).isEqualTo(2);
        assertThat(threads.threadsFor(16 * TOKENS, PROCESSORS)).isEqualTo(4);
    }

    @Test
    @DisplayName(
            "A large step uses the processors of its group, a small one the instance's share, and fixed numbers stay")
    void share() {
        threads = new StepThreads(new EngineLayout(4, 1, 4, 32, false));
        assertThat(threads.threadsFor(31, 4)).isEqualTo(1);
        assertThat(threads.threadsFor(32, 4)).isEqualTo(4);
        assertThat(threads.threadsFor(32, 2)).isEqualTo(2);
        assertThat(threads.threadsFor(32, 1)).isEqualTo(1);
        threads = new StepThreads(EngineLayout.single(4));
        assertThat(stepsWithHalf(100, count -> count > 2 ? 9000 : 500)).isZero();
    }

    @Test
    @DisplayName("A small step has its share of the threads until twice as many are faster, and again when they wait")
    void smallStep() {
        threads = new StepThreads(new EngineLayout(4, 2, 4, 32, false));
        assertThat(threads.threadsFor(TOKENS, 2)).as("in a group of its own").isEqualTo(2);
        assertThat(stepsWithHalf(16, count -> 1000)).isEqualTo(16);
        stepsWithHalf(100, count -> count > 2 ? 900 : 1000);
        assertThat(stepsWithHalf(2000, count -> count > 2 ? 900 : 1000)).isLessThan(60);
        stepsWithHalf(20, count -> count > 2 ? 30_000 : 1000);
        assertThat(stepsWithHalf(5000, count -> count > 2 ? 30_000 : 1000)).isGreaterThan(4990);
        assertThat(stepsWithHalf(5000, count -> count > 2 ? 940 : 1000))
                .as("faster by less than the delays of threads that wait for each other")
                .isGreaterThan(4800);
    }

    @Test
    @DisplayName(
            "All threads are used for small steps that become a tenth faster after a while, also if the host delays one")
    void settling() {
        threads = new StepThreads(new EngineLayout(4, 2, 4, 32, false));
        int[] sinceChange = {0};
        int[] withAll = {0};
        IntToLongFunction nanos = count -> {
            sinceChange[0] = count > 2 ? sinceChange[0] + 1 : 0;
            withAll[0] += count > 2 ? 1 : 0;
            if (withAll[0] == 30) {
                withAll[0]++;
                return 60_000_000;
            }
            return count > 2 ? (long) (6_200_000 * (1 + 0.2 * Math.exp(-sinceChange[0] / 14.0))) : 7_000_000;
        };
        assertThat(stepsWithHalf(200, nanos)).isLessThan(60);
        assertThat(stepsWithHalf(2000, nanos)).isLessThan(60);
    }

    @Test
    @DisplayName("The host stops twice in a row: in a step of all threads, and in the trial that would go back to them")
    void stoppedHostInTrial() {
        threads = new StepThreads(new EngineLayout(4, 2, 4, 32, false));
        IntToLongFunction fasterWithAll = count -> count > 2 ? 900 : 1000;
        stepsWithHalf(200, fasterWithAll);
        assertThat(stepsWithHalf(40, count -> count > 2 ? 400_000 : 1000)).isGreaterThan(30);
        assertThat(stepsWithHalf(1000, fasterWithAll)).isLessThan(150);
    }

    @Test
    @DisplayName("After the host has delayed a few steps in a row, half of the threads are tried as rarely as before")
    void delayedSteps() {
        IntToLongFunction fasterWithAll = count -> 1000 / count;
        stepsWithHalf(9000, fasterWithAll);
        assertThat(stepsWithHalf(20, count -> count > 2 ? 2000 : 500)).isGreaterThan(8);
        assertThat(stepsWithHalf(300, fasterWithAll)).isBetween(2, 20);
        assertThat(stepsWithHalf(1000, fasterWithAll)).isZero();
    }

    @Test
    @DisplayName("Four delayed steps in nine do not change the number of threads")
    void someDelayedSteps() {
        stepsWithHalf(9000, count -> 1000 / count);
        int[] step = {0};
        assertThat(stepsWithHalf(100, count -> step[0]++ % 9 < 4 ? 9000 : 1000 / count))
                .isZero();
    }

    private int stepsWithHalf(int steps, IntToLongFunction nanos) {
        int half = 0;
        for (int i = 0; i < steps; i++) {
            int count = threads.threadsFor(TOKENS, PROCESSORS);
            half += count == 2 ? 1 : 0;
            threads.record(count, TOKENS, PROCESSORS, nanos.applyAsLong(count));
        }
        return half;
    }
}
