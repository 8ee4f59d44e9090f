package io.tidemark.generation.layout;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.decoder.ThreadLimit;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Limits of steps with more threads than those of one instance")
class StepLimitsTest {

    private static final int SHARE = 2;
    private static final int ALL = 4;
    private static final StepCost COST = new StepCost(8, 1024);

    private final StepLimits limits = new StepLimits(new EngineLayout(2, SHARE, ALL, 16, false));
    private long now;

    @Test
    @DisplayName("Exist only if a step with the threads of one instance was timed")
    void unknown() {
        assertThat(limit(ALL)).isEmpty();
        run(COST, ALL, 900);
        run(COST, 1, 2000);
        assertThat(limit(ALL)).isEmpty();
        run(COST, SHARE, 1000);
        assertThat(limit(ALL)).isPresent();
        assertThat(limit(SHARE)).isEmpty();
    }

    @Test
    @DisplayName("Are twice the least time that follows from an earlier step")
    void cost() {
        run(COST, SHARE, 1000);
        assertThat(limitNanos(8, 1024)).isEqualTo(2000);
        assertThat(limitNanos(2, 100)).as("as long as the larger step").isEqualTo(2000);
        assertThat(limitNanos(40, 1024)).as("in proportion to the tokens").isEqualTo(10_000);
        assertThat(limitNanos(8, 4096)).as("in proportion to the positions").isEqualTo(8000);
        run(new StepCost(40, 1500), SHARE, 3000);
        assertThat(limitNanos(40, 1500)).as("by a step of similar cost").isEqualTo(2 * 3000 * 1500.0 / 1024);
        assertThat(limitNanos(8, 1024)).isEqualTo(2000);
    }

    @Test
    @DisplayName("Also follow from normal steps with more threads, whose processor time counts")
    void withMoreThreads() {
        run(COST, SHARE, 1000);
        run(new StepCost(64, 1024), ALL, 1500);
        assertThat(limitNanos(64, 1024)).isEqualTo(6000);
        run(new StepCost(128, 1024), ALL, 7501);
        assertThat(limitNanos(128, 1024)).as("after a slow one").isEqualTo(12_000);
    }

    @Test
    @DisplayName("Are omitted for a quarter of a second after a normal step")
    void normalStep() {
        run(COST, SHARE, 1000);
        run(COST, ALL, 900);
        assertThat(limit(ALL)).isEmpty();
        now += StepLimits.NORMAL_NANOS - 1;
        assertThat(limit(ALL)).isEmpty();
        now++;
        assertThat(limit(ALL)).isPresent();
    }

    @Test
    @DisplayName("Apply again after a slow step, and after one that has exceeded its limit")
    void slowStep() {
        run(COST, SHARE, 1000);
        run(COST, ALL, 900);
        run(COST, ALL, 1251);
        assertThat(limit(ALL)).as("after a slow step").isPresent();
        run(COST, ALL, 1250);
        assertThat(limit(ALL)).as("after a step that is not slow").isEmpty();
        now += StepLimits.NORMAL_NANOS;
        Optional<ThreadLimit> exceeded = limit(ALL);
        exceeded.orElseThrow().judge(0.1, 1500);
        limits.stepEnds(COST, ALL, exceeded, 1200, now);
        assertThat(limit(ALL)).as("after an excess").isPresent();
    }

    private Optional<ThreadLimit> limit(int threads) {
        return limits.of(COST, threads, now);
    }

    /** The limit of a step, at a time when none is omitted. */
    private double limitNanos(int tokens, int attended) {
        now += StepLimits.NORMAL_NANOS;
        return limits.of(new StepCost(tokens, attended), ALL, now).orElseThrow().nanos();
    }

    private void run(StepCost cost, int threads, long nanos) {
        Optional<ThreadLimit> limit = limits.of(cost, threads, now);
        now += nanos;
        limits.stepEnds(cost, threads, limit, nanos, now);
    }
}
