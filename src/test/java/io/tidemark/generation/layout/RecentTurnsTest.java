package io.tidemark.generation.layout;

import static io.tidemark.generation.layout.SimulatedEngine.TWO;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.layout.GroupWidth.Turn;
import io.tidemark.generation.layout.TurnDurations.Change;
import io.tidemark.generation.layout.TurnDurations.Moment;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Recent turns of groups by their width")
class RecentTurnsTest {

    private static final StepSize DECODING = new StepSize(4, 4, false, false);
    private static final StepSize PROMPT = new StepSize(4, 44, true, false);

    private final RecentTurns turns = new RecentTurns(TWO);
    private long nanos;
    private double rounds;

    @Test
    @DisplayName("After a change of the durations, prompts of either width before it are not compared")
    void change() {
        add(2, PROMPT, 300);
        add(1, PROMPT, 200);
        for (int i = 0; i < 100; i++) {
            assertThat(add(1, DECODING, 20)).isEqualTo(Change.NONE);
        }
        assertThat(turns.compare(1, 2, now()).prompts()).hasSize(1);
        Change change = Change.NONE;
        for (int i = 0; i < 100 && change == Change.NONE; i++) {
            change = add(1, DECODING, 60);
        }
        assertThat(change).isEqualTo(Change.SLOWER);
        add(1, PROMPT, 600);
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

    private Change add(int width, StepSize step, long millis) {
        return add(width, step, false, millis);
    }

    /** A joint turn whose step exceeds its limit. */
    private Change exceeded(StepSize step, long millis) {
        return add(2, step, true, millis);
    }

    private Change add(int width, StepSize step, boolean exceeded, long millis) {
        nanos += 1_000_000 * millis;
        rounds++;
        InstanceWork work = new InstanceWork(step, 0, false, false, false, true);
        InstanceGroup group = new InstanceGroup(0, width);
        List<InstanceWork> works = Collections.nCopies(width, work);
        return turns.add(new Turn(width, group, works, exceeded, 0, 1_000_000 * millis, nanos), true, now());
    }

    private Moment now() {
        return new Moment(nanos, rounds);
    }
}
