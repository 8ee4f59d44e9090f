package io.tidemark.generation.layout;

import static io.tidemark.generation.layout.SimulatedEngine.TWO;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.generation.layout.GroupWidth.Turn;
import io.tidemark.generation.layout.TurnDurations.Change;
import io.tidemark.generation.layout.TurnDurations.Moment;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Recent turns of groups by their width")
class RecentTurnsTest {

    private static final StepSize DECODING = new StepSize(4, 4, false, false);
    private static final StepSize PROMPT = new StepSize(4, 44, true, false);

    private final RecentTurns turns = new RecentTurns(TWO);
    private long nanos;
    private double rounds;

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    @DisplayName("After a change of the durations of a width, prompts of either width before it are not compared")
    void change(int width) {
        add(2, PROMPT, 300);
        add(1, PROMPT, 200);
        for (int i = 0; i < 100; i++) {
            assertThat(add(width, DECODING, 20)).isEqualTo(Change.NONE);
        }
        assertThat(turns.compare(1, 2, now()).prompts()).hasSize(1);
        Change change = Change.NONE;
        for (int i = 0; i < 100 && change == Change.NONE; i++) {
            change = add(width, DECODING, 60);
        }
        assertThat(change).isEqualTo(Change.SLOWER);
        add(width, PROMPT, 600);
        assertThat(turns.compare(1, 2, now()).prompts()).isEmpty();
    }

    @Test
    @DisplayName("A pause of ten seconds leaves prompts to compare, and one of a minute leaves none")
    void pause() {
        add(2, PROMPT, 300);
        add(2, DECODING, 30);
        add(1, PROMPT, 200);
        add(1, DECODING, 20);
        assertThat(turns.compare(1, 2, now()).others()).hasSize(1);
        turns.pause(TurnDurations.MAX_AGE_NANOS);
        assertThat(turns.compare(1, 2, now()).prompts()).hasSize(1);
        assertThat(turns.compare(1, 2, now()).others()).isEmpty();
        turns.pause(TurnDurations.MAX_AGE_OF_PROMPTS_NANOS);
        assertThat(turns.compare(1, 2, now()).prompts()).isEmpty();
    }

    @Test
    @DisplayName("Prompts that are kept from earlier do not count as turns since a width has begun")
    void measured() {
        for (int i = 0; i < 3; i++) {
            assertThat(turns.isMeasured(1)).isFalse();
            add(1, PROMPT, 200);
        }
        assertThat(turns.isMeasured(1)).isTrue();
        turns.restartOthers(1);
        assertThat(turns.isMeasured(1)).isFalse();
    }

    @Test
    @DisplayName(
            "Joint steps that exceed their limits are a collapse at 1.6 times their duration if they have no prompts")
    void exceeded() {
        for (StepSize step : List.of(PROMPT, DECODING)) {
            for (int i = 0; i < 9; i++) {
                assertThat(add(2, step, 100)).isEqualTo(Change.NONE);
            }
            assertThat(exceeded(step, 200)).isEqualTo(Change.NONE);
            assertThat(exceeded(step, 200)).isEqualTo(Change.NONE);
            assertThat(exceeded(step, 200)).isEqualTo(step.prompt() ? Change.NONE : Change.COLLAPSE);
        }
    }

    @Test
    @DisplayName("Joint steps with prompts that exceed their limits do not interrupt slow ones without")
    void exceededBetween() {
        for (int i = 0; i < 9; i++) {
            add(2, PROMPT, 200);
            add(2, DECODING, 100);
        }
        for (int i = 0; i < 2; i++) {
            assertThat(exceeded(DECODING, 200)).isEqualTo(Change.NONE);
            assertThat(exceeded(PROMPT, 500)).isEqualTo(Change.NONE);
        }
        assertThat(exceeded(DECODING, 200)).isEqualTo(Change.COLLAPSE);
    }

    @Test
    @DisplayName("The expected loss by delays counts as 32 turns of each width, beside the measured ones")
    void lossByDelays() {
        assertThat(turns.lossByDelays(1, 2, 0.04)).isEqualTo(0.04);
        addDelayed(1, 3 + 100, 20);
        assertThat(turns.lossByDelays(1, 2, 0.04)).as("only narrow turns").isEqualTo(0.04);
        addDelayed(2, 3 + 32, 10);
        double measured = Math.log(1 + 3.0 / 32) - Math.log(1 + 5.0 / 100);
        assertThat(turns.lossByDelays(1, 2, 0.04)).isCloseTo((0.04 + measured) / 2, within(1e-9));
    }

    @Test
    @DisplayName("A delayed turn counts as three usual ones at most; turns with prompts or left out do not count")
    void measuredDelays() {
        addDelayed(1, 3 + 32, 1000);
        addDelayed(2, 3 + 32, 1000);
        assertThat(turns.lossByDelays(1, 2, 0)).isZero();
        for (int i = 0; i < 9; i++) {
            add(2, PROMPT, i == 8 ? 600 : 300);
        }
        turns.add(turn(new InstanceGroup(0, 2), DECODING, false, 40), false, now());
        assertThat(turns.lossByDelays(1, 2, 0)).isZero();
        add(2, DECODING, 20_000);
        assertThat(turns.lossByDelays(1, 2, 0)).isCloseTo(Math.log(1 + 2.0 / 33) / 2, within(1e-3));
    }

    @Test
    @DisplayName("A constant difference between two groups is not a delay")
    void slowGroup() {
        for (int i = 0; i < 100; i++) {
            add(turns, new InstanceGroup(0, 1), DECODING, false, 40);
            add(turns, new InstanceGroup(1, 2), DECODING, false, 20);
            add(2, DECODING, 20);
        }
        assertThat(turns.lossByDelays(1, 2, 0)).isZero();
    }

    @Test
    @DisplayName("Turns of a width are not compared with those before other widths ran")
    void delaysAfterRestart() {
        addDelayed(1, 3 + 32, 1000);
        addDelayed(2, 3 + 32, 1000);
        turns.restartOthers(2);
        for (int i = 0; i < 3; i++) {
            add(2, DECODING, 28);
        }
        assertThat(turns.lossByDelays(1, 2, 0)).isZero();
    }

    @Test
    @DisplayName("All turns before a change count as 32 measured ones")
    void delaysBeforeChange() {
        addDelayed(1, 500, 1000);
        addDelayed(2, 500, 10);
        double before = turns.lossByDelays(1, 2, 0);
        assertThat(before).isGreaterThan(0.07);
        Change change = Change.NONE;
        for (int i = 0; i < 200 && change == Change.NONE; i++) {
            change = add(2, DECODING, 60);
        }
        assertThat(change).isEqualTo(Change.SLOWER);
        assertThat(turns.lossByDelays(1, 2, 0)).isBetween(0.45 * before, 0.65 * before);
    }

    /** Turns of 20 ms, of which each {@code delayed}-th takes twice as long. */
    private void addDelayed(int width, int count, int delayed) {
        for (int i = 1; i <= count; i++) {
            add(width, DECODING, i % delayed == 0 ? 40 : 20);
        }
    }

    @Test
    @DisplayName("Three slow turns of one group are a collapse, whatever the other groups do")
    void collapseOfOneGroup() {
        RecentTurns of = new RecentTurns(new EngineLayout(4, 1, 4, 1, false));
        for (int i = 0; i < 9; i++) {
            assertThat(addPair(of, 20)).isEqualTo(Change.NONE);
        }
        assertThat(addPair(of, 200)).isEqualTo(Change.NONE);
        assertThat(addPair(of, 200)).isEqualTo(Change.NONE);
        assertThat(addPair(of, 200)).isEqualTo(Change.COLLAPSE);
    }

    /** A turn of the second of two groups with 20 ms, and then one of the first. Returns the change of the first. */
    private Change addPair(RecentTurns of, long firstMillis) {
        add(of, new InstanceGroup(2, 4), DECODING, false, 20);
        return add(of, new InstanceGroup(0, 2), DECODING, false, firstMillis);
    }

    private Change add(int width, StepSize step, long millis) {
        return add(width, step, false, millis);
    }

    /** A joint turn whose step exceeds its limit. */
    private Change exceeded(StepSize step, long millis) {
        return add(2, step, true, millis);
    }

    private Change add(int width, StepSize step, boolean exceeded, long millis) {
        return add(turns, new InstanceGroup(0, width), step, exceeded, millis);
    }

    private Change add(RecentTurns to, InstanceGroup group, StepSize step, boolean exceeded, long millis) {
        return to.add(turn(group, step, exceeded, millis), true, now());
    }

    /** A turn that ends now, after this time. */
    private Turn turn(InstanceGroup group, StepSize step, boolean exceeded, long millis) {
        nanos += 1_000_000 * millis;
        rounds++;
        InstanceWork work = new InstanceWork(step, 0, false, false, false, true);
        List<InstanceWork> works = Collections.nCopies(group.size(), work);
        return new Turn(group.size(), group, works, exceeded, 0, 1_000_000 * millis, nanos);
    }

    private Moment now() {
        return new Moment(nanos, rounds);
    }
}
