package io.tidemark.generation.layout;

import static io.tidemark.generation.layout.SimulatedEngine.TWO;
import static io.tidemark.generation.layout.SimulatedTurns.PROMPT;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Trials of another width where turns have prompt tokens")
class TrialsWithPromptsTest {

    @Test
    @DisplayName(
            "A trial goes on for a turn with a prompt if these take a fifth of the time, and for at most 16 rounds")
    void needsPrompts() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.joint(20, 4, 4);
        turns.roundsWithPromptsToTrial(100);
        assertThat(turns.endTrial(25)).as("rounds without a prompt").isEqualTo(16);
        turns.roundsWithPromptsToTrial(100);
        turns.joint(25, 4, 4);
        turns.joint(125, PROMPT, PROMPT);
        assertThat(turns.endTrial(25)).as("rounds after one with a prompt").isEqualTo(3);
        turns.roundsWithPromptsToTrial(100);
        assertThat(turns.endTrial(25))
                .as("rounds, if an earlier trial had a prompt")
                .isEqualTo(5);
    }

    @Test
    @DisplayName("Two joint steps in a row with prompts that take twice as long do not end a trial")
    void longPromptsInTrial() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.joint(20, 4, 4);
        turns.roundsWithPromptsToTrial(100);
        turns.joint(25, 4, 4);
        assertThat(turns.joint(250, PROMPT, PROMPT)).isEqualTo(2);
        assertThat(turns.joint(250, PROMPT, PROMPT)).isEqualTo(2);
    }

    @Test
    @DisplayName("Turns with prompts that take half a second do not end a trial with a single turn without a prompt")
    void fewOthers() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.joint(20, 4, 4);
        turns.roundsWithPromptsToTrial(200);
        turns.joint(20, 4, 4);
        turns.joint(20, 4, 4);
        for (int i = 0; i < 3; i++) {
            assertThat(turns.joint(210, PROMPT, PROMPT)).isEqualTo(2);
        }
        assertThat(turns.joint(20, 4, 4)).as("after five rounds").isEqualTo(1);
    }

    @Test
    @DisplayName("A turn with a prompt is compared for a minute, also in later trials")
    void promptsOfAMinute() {
        assertThat(roundsAfterAMinute(1)).isEqualTo(16);
    }

    @Test
    @DisplayName("A trial does not go on for a turn with a prompt if an earlier trial has compared four")
    void comparedPrompts() {
        assertThat(roundsAfterAMinute(4)).isEqualTo(5);
    }

    /** The rounds of a trial a minute after the only one with prompts. Trials before it have five. */
    private static int roundsAfterAMinute(int prompts) {
        SimulatedTurns turns = new SimulatedTurns();
        turns.loseTrialWithPrompts(prompts);
        long start = turns.nanos();
        turns.roundsWithPromptsToTrial(100);
        while (turns.nanos() - start < 59_000_000_000L) {
            assertThat(turns.endTrial(25)).isEqualTo(5);
            turns.roundsWithPromptsToTrial(100);
        }
        turns.pass(1_000);
        return turns.endTrial(25);
    }

    @Test
    @DisplayName("A turn of a narrow group with a prompt is compared in later trials of such groups, too")
    void promptsOfNarrowGroups() {
        SimulatedTurns turns = new SimulatedTurns(TWO);
        for (int trial = 0; trial < 2; trial++) {
            turns.jointWithPromptsToTrial();
            turns.single(25, 4);
            if (trial == 0) {
                turns.single(250, PROMPT);
            }
            int rounds = 1;
            while (turns.single(25, 4) == 1) {
                rounds++;
            }
            assertThat(rounds).as("rounds of trial %d", trial).isLessThan(10);
        }
    }
}
