package io.tidemark.generation.layout;

import static io.tidemark.generation.layout.SimulatedEngine.TWO;
import static io.tidemark.generation.layout.SimulatedTurns.busy;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Trials of another width while adapters are being packed")
class TrialsWhilePackingTest {

    private static final InstanceWork PACKING =
            new InstanceWork(new StepSize(4, 4, false, false), 0, false, true, false, true);

    @Test
    @DisplayName("No trial begins while adapters are being packed, and the first one sixteen rounds later")
    void packingBeforeTrial() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.joint(50, 4, 4);
        assertThat(turns.rounds(47, 50, PACKING)).isEqualTo(47);
        assertThat(turns.rounds(100, 50, busy(4))).isEqualTo(16);
    }

    @Test
    @DisplayName("After 48 rounds of packing, or two seconds of shorter rounds, turns are compared")
    void packingWithoutEnd() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.joint(50, 4, 4);
        assertThat(turns.rounds(1000, 50, PACKING)).isEqualTo(48 + 15);
        SimulatedTurns fast = new SimulatedTurns();
        fast.joint(10, 4, 4);
        assertThat(fast.rounds(1000, 10, PACKING)).isEqualTo(4 * 48 + 15);
    }

    @Test
    @DisplayName("Each round without packing allows another one with it")
    void packingAgain() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.joint(50, 4, 4);
        turns.rounds(48, 50, PACKING);
        turns.rounds(10, 50, busy(4));
        assertThat(turns.rounds(1000, 50, PACKING)).isEqualTo(10 + 5);
    }

    @Test
    @DisplayName("A trial begins although adapters are packed in every second round")
    void packingOnAndOff() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.joint(50, 4, 4);
        int rounds = 0;
        while (turns.single(50, rounds % 2 == 0 ? PACKING : busy(4)) == 1) {
            assertThat(++rounds).isLessThan(100);
        }
        assertThat(rounds).isGreaterThan(28);
    }

    @Test
    @DisplayName("A trial that becomes due while adapters are packed begins when they have been packed")
    void packingWhenDue() {
        SimulatedTurns other = new SimulatedTurns();
        other.loseCostly();
        double wait = other.secondsToTrial(20, 4);
        SimulatedTurns turns = new SimulatedTurns();
        turns.loseCostly();
        turns.singlesFor(wait - 0.5, 20, 4);
        assertThat(turns.rounds(80, 20, PACKING)).isEqualTo(80);
        assertThat(turns.rounds(1000, 20, busy(4))).isLessThan(2);
    }

    @Test
    @DisplayName("Turns of a trial count when adapters have been packed, but not after more than sixteen rounds")
    void packingInTrial() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.joint(20, 4, 4);
        turns.rounds(1000, 20, busy(4));
        turns.joint(20, 4, 4);
        packJoint(turns, 16);
        assertThat(turns.endTrial(21)).isEqualTo(15);
        turns.rounds(1000, 20, busy(4));
        turns.joint(20, 4, 4);
        packJoint(turns, 17);
        assertThat(turns.joint(100, 4, 4)).as("the trial is dropped").isEqualTo(1);
        assertThat(turns.secondsToTrial(20, 4)).as("without a cost").isLessThan(0.5);
    }

    @Test
    @DisplayName("A trial after a change of the durations follows again soon when packing has ended it")
    void packingInTrialAfterChange() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.loseFirstTrial();
        turns.secondsToTrial(20, 4);
        turns.endTrial(50);
        turns.singlesFor(2, 20, 4);
        assertThat(turns.secondsToTrial(12, 4)).as("the change is noticed").isLessThan(2.5);
        turns.joint(12, 4, 4);
        packJoint(turns, 17);
        assertThat(turns.joint(100, 4, 4)).as("the trial is dropped").isEqualTo(1);
        turns.pass(60);
        assertThat(turns.secondsToTrial(12, 4)).as("until the next one").isLessThan(2);
    }

    /** Turns of a trial that would end it, if they counted. */
    private static void packJoint(SimulatedTurns turns, int rounds) {
        for (int i = 0; i < rounds; i++) {
            assertThat(turns.joint(100, PACKING, busy(4))).isEqualTo(2);
        }
    }

    @Test
    @DisplayName("Two joint steps in a row that exceed their limits end a trial also while adapters are packed")
    void exceededWhilePacking() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.toFirstTrial();
        assertThat(turns.joint(40, PACKING, busy(4), true)).isEqualTo(2);
        assertThat(turns.joint(20, PACKING, busy(4))).isEqualTo(2);
        assertThat(turns.joint(40, PACKING, busy(4), true)).isEqualTo(2);
        assertThat(turns.joint(40, PACKING, busy(4), true)).isEqualTo(1);
    }

    @Test
    @DisplayName("Three slow joint turns while adapters are packed cause one trial of single ones, not two")
    void collapseWhilePacking() {
        SimulatedTurns turns = new SimulatedTurns(TWO);
        for (int i = 0; i < 8; i++) {
            assertThat(turns.joint(20, 4, 4)).isEqualTo(2);
        }
        assertThat(turns.joint(110, PACKING, PACKING)).isEqualTo(2);
        assertThat(turns.joint(110, PACKING, PACKING)).isEqualTo(2);
        assertThat(turns.joint(110, PACKING, PACKING)).isEqualTo(1);
        int lost = 0;
        while (turns.single(130, 4) == 1) {
            assertThat(++lost).isLessThan(20);
        }
        int rounds = 0;
        while (turns.joint(110, 4, 4) == 2) {
            assertThat(++rounds).isLessThan(1000);
        }
        assertThat(rounds).as("rounds until the next trial").isGreaterThan(12);
    }
}
