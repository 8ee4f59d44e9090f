package io.tidemark.generation.layout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Pauses between trials")
class TrialScheduleTest {

    private static final double SECOND = 1e9;
    /** The time that passes between two looks at the schedule. */
    private static final double TICK = 0.01 * SECOND;

    private final TrialSchedule schedule = new TrialSchedule();

    @Test
    @DisplayName("A lost trial delays the next one by 150 times its cost")
    void lost() {
        run(0.1);
        end(false, 0.02 * SECOND);
        assertThat(pauseSeconds()).isCloseTo(3, within(0.02));
    }

    @Test
    @DisplayName("An open trial delays the next one by 20 times its cost")
    void open() {
        run(0.1);
        end(true, 0.02 * SECOND);
        assertThat(pauseSeconds()).isCloseTo(0.4, within(0.02));
    }

    @Test
    @DisplayName(
            "Lost trials of a width nearer to the initial one cause pauses of 20, 40, 80 and then 150 times their cost")
    void retries() {
        run(0.1);
        for (int lost = 0; lost < 5; lost++) {
            schedule.trialBegins();
            schedule.trialEnds(false, false, true);
            schedule.retry(lost);
            schedule.charge(0.02 * SECOND);
            assertThat(pauseSeconds())
                    .as("after %d lost trials", lost)
                    .isCloseTo(Math.min(0.4 * (1 << lost), 3), within(0.02));
        }
    }

    @Test
    @DisplayName("After a lost trial of a width nearer to the initial one, the next one may follow after 16 rounds")
    void roundsBeforeRetry() {
        schedule.trialBegins();
        schedule.trialEnds(false, false, true);
        schedule.turnEnds(16, 0);
        assertThat(schedule.isDue()).isFalse();
        schedule.trialBegins();
        schedule.trialEnds(false, false, true);
        schedule.retry(0);
        schedule.turnEnds(16, 0);
        assertThat(schedule.isDue()).isTrue();
    }

    @Test
    @DisplayName("The cost of the first trial counts up to twice the shortest turn before it")
    void usualCost() {
        run(5);
        run(0.1);
        end(false, 30 * SECOND);
        assertThat(pauseSeconds()).isCloseTo(150 * 0.2, within(0.02));
    }

    @Test
    @DisplayName("The cost of the first trial counts up to half a second where turns are long")
    void mostUsualCost() {
        run(1);
        end(false, 30 * SECOND);
        assertThat(pauseSeconds()).isCloseTo(150 * 0.5, within(0.02));
    }

    @Test
    @DisplayName("The cost of a later trial counts up to that of an earlier one, and the pause is ten minutes at most")
    void mostCost() {
        run(0.1);
        end(false, 2 * SECOND);
        pauseSeconds();
        end(false, 30 * SECOND);
        assertThat(pauseSeconds()).isCloseTo(150 * 2, within(0.02));
        end(false, 30 * SECOND);
        assertThat(pauseSeconds()).isCloseTo(600, within(0.02));
    }

    @Test
    @DisplayName(
            "The time of a trial shortens the pause for its wait at the start, but not for what is charged at its end")
    void timeOfTrial() {
        run(0.1);
        end(false, 0.1 * SECOND);
        pauseSeconds();
        schedule.trialBegins();
        schedule.charge(0.01 * SECOND);
        schedule.timePasses(SECOND);
        schedule.trialEnds(false, true, false);
        schedule.charge(0.02 * SECOND);
        assertThat(pauseSeconds()).isCloseTo(20 * 0.02, within(0.02));
    }

    @Test
    @DisplayName("A trial that begins in the pause of another one does not end this pause")
    void trialInPause() {
        run(0.1);
        end(false, 0.1 * SECOND);
        schedule.timePasses(5 * SECOND);
        schedule.trialBegins();
        schedule.trialDrops();
        assertThat(pauseSeconds()).isCloseTo(10, within(0.02));
    }

    @Test
    @DisplayName("What is left of the pauses of several trials is ten minutes at most")
    void trialsInPauses() {
        run(0.1);
        end(false, 3 * SECOND);
        pauseSeconds();
        for (int trial = 0; trial < 3; trial++) {
            end(false, 3 * SECOND);
        }
        assertThat(pauseSeconds()).isCloseTo(600, within(0.02));
    }

    @Test
    @DisplayName(
            "A change of the durations shortens the pause to 20 times the cost at first, and a change of the width ends it")
    void changes() {
        run(0.1);
        end(false, 0.1 * SECOND);
        schedule.timePasses(0.5 * SECOND);
        schedule.durationsChange();
        assertThat(pauseSeconds()).isCloseTo(1.5, within(0.02));

        end(false, 0.1 * SECOND);
        schedule.widthChanges();
        assertThat(pauseSeconds()).isZero();
    }

    /** So many rounds that a trial is due unless there is a pause. The time of their turns does not pass. */
    private void run(double turnSeconds) {
        schedule.turnEnds(10_000, turnSeconds);
    }

    private void end(boolean open, double cost) {
        schedule.trialBegins();
        schedule.trialEnds(false, open, false);
        schedule.charge(cost);
    }

    /** Lets time pass until the next trial is due. Returns the seconds. */
    private double pauseSeconds() {
        run(0.1);
        double nanos = 0;
        for (; !schedule.isDue(); nanos += TICK) {
            assertThat(nanos).isLessThan(2_000 * SECOND);
            schedule.timePasses(TICK);
        }
        return nanos / SECOND;
    }
}
