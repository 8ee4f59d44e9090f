package io.tidemark.generation.layout;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.layout.RecentTurns.Comparison;
import io.tidemark.generation.layout.RecentTurns.Pair;
import io.tidemark.generation.layout.TurnDurations.Change;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Preferred width")
class PreferredWidthTest {

    @Test
    @DisplayName("After a change of the durations, the trials of all widths count as one")
    void durationsChange() {
        Comparison trial = new Comparison(List.of(), Collections.nCopies(5, new Pair(120, 100)));
        PreferredWidth preference = new PreferredWidth(1, 1, 3);
        for (int narrow : List.of(0, 1)) {
            preference.gains(narrow).add(trial);
            preference.gains(narrow).add(trial);
        }
        preference.turnEnds(1, 0.02);
        assertThat(preference.gains(0).trials()).isEqualTo(2);
        preference.durationsChange(Change.FASTER);
        preference.turnEnds(1, 0.02);
        assertThat(preference.gains(0).trials()).isEqualTo(1);
        assertThat(preference.gains(1).trials()).isEqualTo(1);
    }

    @Test
    @DisplayName(
            "The first three lost trials of a width nearer to the initial one are each followed by another one of it")
    void retries() {
        PreferredWidth preference = new PreferredWidth(2, 0, 3);
        preference.changeTo(1);
        lose(preference, 2, 2, 2, 2, 0, 2, 0);
        preference.changeTo(0);
        preference.changeTo(1);
        lose(preference, 2, 2, 2, 2, 0);
    }

    @Test
    @DisplayName(
            "A lost trial of a width farther from the initial one is followed by one of the width on the other side")
    void noRetries() {
        PreferredWidth preference = new PreferredWidth(0, 0, 3);
        preference.changeTo(1);
        lose(preference, 2, 0, 0, 0, 0, 2, 0, 2);
    }

    @Test
    @DisplayName("After a trial of a width nearer to the initial one that ended early, the next one follows soon")
    void endsEarly() {
        for (int initial : List.of(0, 1)) {
            PreferredWidth preference = new PreferredWidth(initial, initial, 2);
            TrialSchedule schedule = preference.schedule();
            preference.turnEnds(16, 0.1);
            schedule.trialEnds(true, false, false);
            preference.changeTo(1);
            schedule.trialBegins();
            preference.trialDrops(0);
            schedule.charge(0.1e9);
            preference.turnEnds(16, 0.1);
            schedule.timePasses(3e9);
            assertThat(schedule.isDue()).isEqualTo(initial == 0);
        }
    }

    /** Loses these trials one after another. */
    private static void lose(PreferredWidth preference, int... trials) {
        for (int trial : trials) {
            assertThat(preference.widthOfNextTrial()).isEqualTo(trial);
            preference.trialIsLost(trial);
        }
    }
}
