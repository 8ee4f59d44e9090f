package io.tidemark.generation.layout;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.layout.StepThreads.LimitedStep;
import java.util.List;
import java.util.function.IntToLongFunction;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Threads of a step")
class StepThreadsTest {

    private static final int TOKENS = 8;

    private static final int PROCESSORS = 4;

    private static final EngineLayout SMALL_STEPS = new EngineLayout(4, 2, 4, 32, false);

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
    @DisplayName("A small step has its share of the threads until twice as many are more than 7% faster")
    void smallStep() {
        threads = new StepThreads(SMALL_STEPS);
        assertThat(threads.threadsFor(TOKENS, 2)).as("in a group of its own").isEqualTo(2);
        assertThat(stepsWithHalf(16, count -> 1000)).isEqualTo(16);
        assertThat(stepsWithHalf(5000, count -> count > 2 ? 940 : 1000))
                .as("faster by less than the delays of threads that wait for each other")
                .isGreaterThan(4500);
        stepsWithHalf(2000, count -> count > 2 ? 920 : 1000);
        assertThat(stepsWithHalf(2000, count -> count > 2 ? 920 : 1000)).isLessThan(60);
    }

    @Test
    @DisplayName("A small step has its share again when twice as many threads are less than 4% faster, or wait")
    void smallStepAgain() {
        threads = new StepThreads(SMALL_STEPS);
        stepsWithHalf(200, count -> count > 2 ? 900 : 1000);
        assertThat(stepsWithHalf(3000, count -> count > 2 ? 950 : 1000)).isLessThan(100);
        stepsWithHalf(3000, count -> count > 2 ? 970 : 1000);
        assertThat(stepsWithHalf(1000, count -> count > 2 ? 970 : 1000)).isGreaterThan(900);
        stepsWithHalf(3000, count -> count > 2 ? 900 : 1000);
        stepsWithHalf(20, count -> count > 2 ? 30_000 : 1000);
        assertThat(stepsWithHalf(5000, count -> count > 2 ? 30_000 : 1000)).isGreaterThan(4990);
    }

    @Test
    @DisplayName(
            "Trials of all threads cost less than 1% of the time, and less than 4% while another process delays them")
    void costOfTrials() {
        threads = new StepThreads(SMALL_STEPS);
        assertThat(10_000 - stepsWithHalf(10_000, count -> count > 2 ? 1300 : 1000))
                .isBetween(100, 330);
        threads = new StepThreads(SMALL_STEPS);
        assertThat(10_000 - stepsWithHalf(10_000, count -> count > 2 ? 30_000 : 1000))
                .isBetween(3, 13);
        assertThat(stepsWithHalf(3000, count -> count > 2 ? 900 : 1000))
                .as("after the other process has ended")
                .isLessThan(1600);
    }

    @Test
    @DisplayName("Trials of half of the threads for steps of 0.3 s cost less than 1% of the time")
    void costOfTrialsOfLongSteps() {
        assertThat(stepsWithHalf(2000, count -> count > 2 ? 300_000_000 : 630_000_000))
                .isBetween(2, 18);
    }

    @Test
    @DisplayName("After an urgent trial whose few steps the host has delayed, the next one follows after sixteen steps")
    void stoppedUrgentTrial() {
        stepsWithHalf(9000, count -> count > 2 ? 10_000_000 : 9_000_000);
        runUntilTrialEnds(count -> count > 2 ? 30_000_000 : 100_000_000);
        assertThat(stepsWithHalf(15, count -> count > 2 ? 30_000_000 : 9_000_000))
                .isZero();
        assertThat(stepsWithHalf(100, count -> count > 2 ? 30_000_000 : 9_000_000))
                .isGreaterThan(60);
    }

    @ParameterizedTest(name = "step {0} with all threads is delayed")
    @ValueSource(ints = {5, 30})
    @DisplayName(
            "All threads are used for small steps that become a tenth faster after a while, even if one is delayed")
    void settling(int delayed) {
        threads = new StepThreads(SMALL_STEPS);
        int[] sinceChange = {0};
        int[] withAll = {0};
        IntToLongFunction nanos = count -> {
            sinceChange[0] = count > 2 ? sinceChange[0] + 1 : 0;
            withAll[0] += count > 2 ? 1 : 0;
            if (withAll[0] == delayed) {
                withAll[0]++;
                return 400_000_000;
            }
            return count > 2 ? (long) (6_200_000 * (1 + 0.2 * Math.exp(-sinceChange[0] / 14.0))) : 7_000_000;
        };
        assertThat(stepsWithHalf(200, nanos)).isLessThan(60);
        assertThat(stepsWithHalf(2000, nanos)).isLessThan(60);
    }

    @ParameterizedTest(name = "a step of the share takes {0} ms")
    @ValueSource(longs = {8, 17, 30})
    @DisplayName("A change of the faster number of threads is noticed within seven seconds, also after a long time")
    void noticedSoon(long milliseconds) {
        long share = milliseconds * 1_000_000;
        int perMinute = (int) (60_000 / milliseconds);
        IntToLongFunction fasterWithAll = count -> count > 2 ? share * 9 / 10 : share;
        IntToLongFunction slowerWithAll = count -> count > 2 ? share * 5 / 4 : share;
        for (int phase = 0; phase < 8; phase++) {
            threads = new StepThreads(SMALL_STEPS);
            stepsWithHalf(2 * perMinute + phase * perMinute / 80, slowerWithAll);
            stepsWithHalf(perMinute * 7 / 60, fasterWithAll);
            assertThat(stepsWithHalf(perMinute / 6, fasterWithAll)).isLessThan(perMinute / 18);
            stepsWithHalf(2 * perMinute + phase * perMinute / 80, fasterWithAll);
            stepsWithHalf(perMinute * 7 / 60, slowerWithAll);
            assertThat(perMinute / 6 - stepsWithHalf(perMinute / 6, slowerWithAll))
                    .isLessThan(perMinute / 18);
        }
    }

    @Test
    @DisplayName("A few stopped steps, and a stopped first trial of all threads, cost few steps with half of them")
    void stoppedHostInTrial() {
        threads = new StepThreads(SMALL_STEPS);
        IntToLongFunction fasterWithAll = count -> count > 2 ? 900 : 1000;
        stepsWithHalf(200, fasterWithAll);
        assertThat(stepsWithHalf(40, count -> count > 2 ? 400_000 : 1000)).isGreaterThan(30);
        assertThat(stepsWithHalf(1000, fasterWithAll)).isLessThan(150);
    }

    @Test
    @DisplayName("After a few delayed steps in a row, regular trials of half of the threads are rare as before")
    void delayedSteps() {
        IntToLongFunction fasterWithAll = count -> 1000 / count;
        stepsWithHalf(9000, fasterWithAll);
        stepsWithHalf(14, count -> count > 2 ? 2000 : 500);
        assertThat(threads.threadsFor(TOKENS, PROCESSORS)).isEqualTo(2);
        assertThat(stepsWithHalf(200, fasterWithAll)).isBetween(2, 20);
        assertThat(stepsWithHalf(700, fasterWithAll)).isZero();
    }

    @Test
    @DisplayName(
            "After a few delayed steps in a row, all threads come back soon, although half were used for long before")
    void delayedStepsAfterLongUseOfHalf() {
        threads = new StepThreads(SMALL_STEPS);
        stepsWithHalf(5000, count -> 1000);
        IntToLongFunction fasterWithAll = count -> count > 2 ? 900 : 1000;
        stepsWithHalf(5000, fasterWithAll);
        stepsWithHalf(14, count -> count > 2 ? 2000 : 1000);
        assertThat(threads.threadsFor(TOKENS, PROCESSORS)).isEqualTo(2);
        assertThat(stepsWithHalf(1000, fasterWithAll)).isLessThan(60);
    }

    @Test
    @DisplayName("Four delayed steps in nine do not change the number of threads")
    void someDelayedSteps() {
        IntToLongFunction fasterWithAll = count -> 1000 / count;
        stepsWithHalf(9000, fasterWithAll);
        runUntilTrialEnds(fasterWithAll);
        int[] step = {0};
        assertThat(stepsWithHalf(100, count -> step[0]++ % 9 < 4 ? 9000 : 1000 / count))
                .isZero();
    }

    @ParameterizedTest(name = "steps with all threads take {0} ns before the trial")
    @ValueSource(longs = {250, 9000})
    @DisplayName(
            "A process that delays all threads is noticed although the host stops the first step of a trial of half")
    void stoppedTrialOfHalf(long nanosWithAll) {
        stepsWithHalf(9000, count -> 1000 / count);
        runUntilTrialEnds(count -> count > 2 ? nanosWithAll : 50_000);
        assertThat(stepsWithHalf(200, count -> count > 2 ? 9000 : 500)).isGreaterThan(150);
    }

    @Test
    @DisplayName("All threads win their first trial although the host delays its fifth step")
    void delayedStepOfTrial() {
        threads = new StepThreads(SMALL_STEPS);
        int[] withAll = {0};
        assertThat(stepsWithHalf(64, count -> count == 2 ? 1000 : ++withAll[0] == 5 ? 20_000 : 800))
                .isEqualTo(16);
    }

    @Test
    @DisplayName("Two steps in a row that exceed their limits end a trial of all threads, which then are not used")
    void exceededInTrial() {
        threads = new StepThreads(SMALL_STEPS);
        assertThat(stepsWithHalf(19, count -> count > 2 ? 800 : 1000)).isEqualTo(16);
        exceed(900);
        assertThat(stepsWithHalf(3, count -> 800)).isZero();
        exceed(900);
        exceed(900);
        assertThat(stepsWithHalf(32, count -> count > 2 ? 800 : 1000)).isEqualTo(32);
    }

    @Test
    @DisplayName("All threads win their first trial although the host delays its first step, with a limit or without")
    void delayedFirstStepOfTrial() {
        for (boolean exceeded : List.of(true, false)) {
            threads = new StepThreads(SMALL_STEPS);
            assertThat(stepsWithHalf(16, count -> 1000)).isEqualTo(16);
            threads.record(PROCESSORS, TOKENS, PROCESSORS, 5000, exceeded);
            assertThat(stepsWithHalf(60, count -> count > 2 ? 800 : 1000)).isZero();
        }
    }

    @Test
    @DisplayName("Far slower steps without a limit may lie between two that exceed their limits")
    void farSlowerWithoutLimit() {
        stepsWithHalf(2000, count -> 1000 / count);
        exceed(2000);
        assertThat(stepsWithHalf(2, count -> 2000)).isZero();
        exceed(2000);
        assertThat(stepsWithHalf(16, count -> 1000 / count)).isEqualTo(16);
    }

    @Test
    @DisplayName("After two large steps in a row that exceed their limits, half are used until all threads win a trial")
    void exceeded() {
        stepsWithHalf(2000, count -> 1000 / count);
        exceed(2000);
        assertThat(stepsWithHalf(10, count -> 1000 / count)).isZero();
        exceed(2000);
        exceed(2000);
        assertThat(stepsWithHalf(16, count -> 1000 / count)).isEqualTo(16);
        stepsWithHalf(48, count -> 1000 / count);
        assertThat(stepsWithHalf(100, count -> 1000 / count)).isLessThan(3);
    }

    @Test
    @DisplayName("Joint and large steps have limits when a step of one instance has been timed, and report an excess")
    void limits() {
        threads = new StepThreads(new EngineLayout(2, 1, 2, 16, false));
        StepCost cost = new StepCost(16, 16);
        LimitedStep<Integer> step = (count, limit) -> {
            limit.ifPresent(present -> present.judge(0.01, Double.MAX_VALUE));
            return count;
        };
        assertThat(threads.runJoint(cost, 2, step).exceeded())
                .as("before a step of one instance")
                .isFalse();
        assertThat(threads.run(cost, 1, step))
                .as("of one instance")
                .matches(ran -> !ran.exceeded() && ran.result() == 1);
        assertThat(threads.runJoint(cost, 2, step)).as("joint").matches(ran -> ran.exceeded() && ran.result() == 2);
        for (int i = 0; i < 2; i++) {
            assertThat(threads.run(cost, 2, step)).as("large").matches(ran -> ran.exceeded() && ran.result() == 2);
        }
        assertThat(threads.run(cost, 2, step).result())
                .as("large, after two of them")
                .isEqualTo(1);
    }

    /** A step with all threads that exceeds its limit. */
    private void exceed(long nanos) {
        threads.record(PROCESSORS, TOKENS, PROCESSORS, nanos, true);
    }

    /** Ends after the first step with all threads that follows a trial of half of them. */
    private void runUntilTrialEnds(IntToLongFunction nanos) {
        while (stepsWithHalf(1, nanos) == 0) {
            // all threads
        }
        while (stepsWithHalf(1, nanos) == 1) {
            // the trial
        }
    }

    private int stepsWithHalf(int steps, IntToLongFunction nanos) {
        int half = 0;
        for (int i = 0; i < steps; i++) {
            int count = threads.threadsFor(TOKENS, PROCESSORS);
            half += count == 2 ? 1 : 0;
            threads.record(count, TOKENS, PROCESSORS, nanos.applyAsLong(count), false);
        }
        return half;
    }
}
