package io.tidemark.generation.layout;

import static io.tidemark.generation.layout.SimulatedEngine.TWO;
import static io.tidemark.generation.layout.SimulatedEngine.TWO_OF_A_SMALL_MODEL;
import static io.tidemark.generation.layout.SimulatedTurns.PROMPT;
import static io.tidemark.generation.layout.SimulatedTurns.busy;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.layout.GroupWidth.Turn;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * {@link MeasuredWidth}, turn by turn. {@link MeasuredWidthTest} and {@link WidthChangesTest} have the widths that
 * result over minutes.
 */
@DisplayName("The width after a turn, and the trials of another width")
class MeasuredWidthTurnsTest {

    @Test
    @DisplayName("One active instance has all processors, and a background task runs beside the steps of the others")
    void aloneAndBackground() {
        MeasuredWidth width = new MeasuredWidth(TWO_OF_A_SMALL_MODEL);
        assertThat(width.start()).isEqualTo(2);
        InstanceWork busy = busy(1);
        assertThat(width.next(joint(busy, InstanceWork.NONE))).isEqualTo(2);
        assertThat(width.next(joint(busy, busy))).isEqualTo(1);
        assertThat(width.next(single(1, InstanceWork.NONE))).isEqualTo(2);
        assertThat(width.next(joint(busy, new InstanceWork(StepSize.NONE, 0, true, false, true, true))))
                .isEqualTo(1);
        assertThat(width.next(single(0, InstanceWork.NONE))).isEqualTo(1);
        assertThat(width.next(single(1, InstanceWork.NONE))).isEqualTo(2);
    }

    @Test
    @DisplayName("While an idle instance is in a turn, the width stays; if that starts nothing, it is the largest")
    void idleInstanceInTurn() {
        MeasuredWidth width = new MeasuredWidth(new EngineLayout(4, 1, 4, 16, false));
        InstanceGroup one = new InstanceGroup(0, 2);
        InstanceGroup other = new InstanceGroup(2, 4);
        Turn active = new Turn(2, one, List.of(busy(1), InstanceWork.NONE), false, 0, 1000, 1000);
        for (int turns = 0; turns < 3; turns++) {
            width.begins(one);
            width.begins(other);
            assertThat(width.next(active)).isEqualTo(2);
            assertThat(width.next(
                            new Turn(2, other, List.of(InstanceWork.NONE, InstanceWork.NONE), false, 0, 1000, 2000)))
                    .isEqualTo(4);
        }
    }

    @Test
    @DisplayName("When the other instance becomes idle, an active one in a turn does not keep the width")
    void activeInstanceInTurn() {
        MeasuredWidth width = new MeasuredWidth(TWO_OF_A_SMALL_MODEL);
        assertThat(width.next(joint(busy(1), busy(1)))).isEqualTo(1);
        width.begins(new InstanceGroup(0, 1));
        width.begins(new InstanceGroup(1, 2));
        assertThat(width.next(single(0, InstanceWork.NONE))).isEqualTo(2);
    }

    @Test
    @DisplayName("When further requests can start, the first one does not keep all processors")
    void requestsCanStart() {
        MeasuredWidth width = new MeasuredWidth(TWO_OF_A_SMALL_MODEL);
        List<InstanceWork> oneActive = List.of(busy(1), InstanceWork.NONE);
        assertThat(width.next(new Turn(2, new InstanceGroup(0, 2), oneActive, false, 1, 1000, 0)))
                .isEqualTo(1);
        assertThat(width.next(new Turn(2, new InstanceGroup(0, 2), oneActive, false, 0, 1000, 0)))
                .isEqualTo(2);
    }

    @Test
    @DisplayName("When the only request ends and one other can start, it has all processors; two have one each")
    void nextRequestStarts() {
        MeasuredWidth width = new MeasuredWidth(TWO_OF_A_SMALL_MODEL);
        List<InstanceWork> ended = List.of(InstanceWork.NONE, InstanceWork.NONE);
        assertThat(width.next(new Turn(2, new InstanceGroup(0, 2), ended, false, 1, 1000, 0)))
                .isEqualTo(2);
        assertThat(width.next(new Turn(2, new InstanceGroup(0, 2), ended, false, 2, 1000, 0)))
                .isEqualTo(1);
    }

    @Test
    @DisplayName("A layout that is fixed, or has one instance, has one width")
    void fixed() {
        for (EngineLayout layout : List.of(EngineLayout.fixed(4, 1), EngineLayout.single(2))) {
            MeasuredWidth width = new MeasuredWidth(layout);
            InstanceWork busy = busy(1);
            for (int i = 0; i < 100; i++) {
                assertThat(width.next(single(0, busy))).isEqualTo(1);
            }
        }
    }

    @Test
    @DisplayName("A trial that ends because an instance becomes idle is followed by a pause like any other")
    void dropped() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.afterCostlyTrial();
        dropTrial(turns);
        assertThat(turns.secondsToTrial(20, 4)).isGreaterThan(4.9);
    }

    /** A trial whose second turn has an idle instance. */
    private static void dropTrial(SimulatedTurns turns) {
        assertThat(turns.joint(50, 4, 4)).isEqualTo(2);
        assertThat(turns.joint(50, 4, 0)).isEqualTo(2);
        assertThat(turns.joint(20, 4, 4)).isEqualTo(1);
    }

    @Test
    @DisplayName("A trial that an idle instance ends after enough rounds costs what it has lost")
    void interrupted() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.afterCostlyTrial();
        interruptTrial(turns, 20.4);
        assertThat(turns.joint(20, 4, 4)).isEqualTo(1);
        assertThat(turns.secondsToTrial(20, 4)).isLessThan(6);
    }

    @Test
    @DisplayName("Two interrupted trials that favour the other width change it, although one between them does not")
    void interruptedAndFaster() {
        SimulatedTurns turns = new SimulatedTurns();
        for (double millis : List.of(18.5, 20.5, 18.5)) {
            assertThat(turns.joint(20, 4, 4)).isEqualTo(1);
            turns.secondsToTrial(20, 4);
            interruptTrial(turns, millis);
        }
        assertThat(turns.joint(20, 4, 4)).isEqualTo(2);
    }

    /** Joint turns that are neither much faster nor much slower than others of 20 ms, until an instance is idle. */
    private static void interruptTrial(SimulatedTurns turns, double millis) {
        for (int i = 0; i < 17; i++) {
            assertThat(turns.joint(millis, 4, 4)).isEqualTo(2);
        }
        assertThat(turns.joint(millis, 4, 0)).isEqualTo(2);
    }

    @Test
    @DisplayName("Two joint steps in a row that exceed their limits end a trial of joint steps at once")
    void exceededInTrial() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.toFirstTrial();
        assertThat(turns.joint(20, 4, 4)).isEqualTo(2);
        assertThat(turns.exceeded(25, 4)).isEqualTo(2);
        assertThat(turns.joint(20, 4, 4)).isEqualTo(2);
        assertThat(turns.exceeded(25, 4)).isEqualTo(2);
        assertThat(turns.exceeded(25, 4)).isEqualTo(1);
    }

    @Test
    @DisplayName("A joint step without prompts that takes twice as long counts like one that exceeds its limit")
    void longInTrial() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.toFirstTrial();
        for (int i = 0; i < 3; i++) {
            assertThat(turns.joint(20, 4, 4)).isEqualTo(2);
        }
        assertThat(turns.joint(45, 4, 4)).isEqualTo(2);
        assertThat(turns.exceeded(25, 4)).isEqualTo(1);
    }

    @Test
    @DisplayName("A trial of a wider width ends after two exceeded limits of one group, not of one in each group")
    void exceededInOneGroup() {
        MeasuredWidth width = new MeasuredWidth(new EngineLayout(4, 1, 4, 16, false));
        long nanos = 0;
        int next = 1;
        for (int turn = 0; next == 1; turn++) {
            assertThat(turn).isLessThan(1000);
            nanos += 5_000_000;
            InstanceGroup group = new InstanceGroup(turn % 4, turn % 4 + 1);
            next = width.next(new Turn(1, group, List.of(busy(4)), false, 0, 20_000_000, nanos));
            // the width is the largest until all instances have had a turn
            next = turn < 4 ? 1 : next;
        }
        assertThat(next).isEqualTo(2);
        for (int turn = 0; turn < 5; turn++) {
            nanos += 10_000_000;
            InstanceGroup group = new InstanceGroup(turn % 2 * 2, turn % 2 * 2 + 2);
            boolean exceeded = List.of(1, 2, 4).contains(turn);
            next = width.next(new Turn(2, group, List.of(busy(4), busy(4)), exceeded, 0, 20_000_000, nanos));
            assertThat(next).as("after turn " + turn).isEqualTo(turn < 4 ? 2 : 1);
        }
    }

    @Test
    @DisplayName("A step that exceeds its limit does not end a trial of a narrower group")
    void exceededInTrialOfNarrower() {
        MeasuredWidth width = new MeasuredWidth(new EngineLayout(4, 1, 4, 1, false));
        InstanceGroup all = new InstanceGroup(0, 4);
        List<InstanceWork> busy = List.of(busy(1), busy(1), busy(1), busy(1));
        long nanos = 0;
        int next = width.start();
        for (int turns = 0; next == 4; turns++) {
            assertThat(turns).isLessThan(100);
            nanos += 20_000_000;
            next = width.next(new Turn(4, all, busy, false, 0, 20_000_000, nanos));
        }
        assertThat(next).isEqualTo(2);
        for (int turn = 0; turn < 2; turn++) {
            InstanceGroup group = new InstanceGroup(2 * turn, 2 * turn + 2);
            nanos += 20_000_000;
            next = width.next(new Turn(2, group, busy.subList(0, 2), true, 0, 20_000_000, nanos));
        }
        assertThat(next).isEqualTo(2);
    }

    @Test
    @DisplayName("Three joint steps in a row that exceed their limits begin a trial of single steps at once")
    void threeExceeded() {
        SimulatedTurns turns = new SimulatedTurns(TWO);
        for (int i = 0; i < 8; i++) {
            assertThat(turns.joint(20, 4, 4)).isEqualTo(2);
        }
        assertThat(turns.exceeded(60, 4)).isEqualTo(2);
        assertThat(turns.exceeded(60, 4)).isEqualTo(2);
        assertThat(turns.joint(20, 4, 4)).isEqualTo(2);
        turns.exceeded(60, 4);
        turns.exceeded(60, 4);
        assertThat(turns.exceeded(60, 4)).isEqualTo(1);
    }

    @Test
    @DisplayName("The host stops for a second at the start of a trial: the trial is lost, and costs two rounds")
    void stoppedHost() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.toFirstTrial();
        assertThat(turns.joint(1000, 4, 4)).isEqualTo(1);
        assertThat(turns.secondsToTrial(20, 4))
                .as("two rounds of 20 ms, 150 times")
                .isBetween(5.9, 6.1);
        turns.endTrial(50);
        assertThat(turns.secondsToTrial(20, 4))
                .as("the cost of the next one counts as usual")
                .isGreaterThan(10);
    }

    @Test
    @DisplayName("The first lost trial costs at most two rounds of the shortest turns, and half a second")
    void costOfFirstTrial() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.joint(20, 4, 4);
        for (int i = 0; i < 14; i++) {
            assertThat(turns.single(20, 4)).isEqualTo(1);
        }
        assertThat(turns.single(300, 4)).isEqualTo(2);
        turns.endTrial(50);
        assertThat(turns.secondsToTrial(20, 4))
                .as("two rounds of 20 ms, 150 times")
                .isBetween(5.9, 6.1);
        SimulatedTurns other = new SimulatedTurns();
        other.joint(1000, 4, 4);
        other.secondsToTrial(1000, 4);
        other.endTrial(1400);
        assertThat(other.secondsToTrial(1000, 4)).as("half a second, 150 times").isBetween(74.0, 76.0);
    }

    @Test
    @DisplayName("One delayed turn of three does not end a trial as far slower")
    void delayedTurn() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.joint(200, 4, 4);
        turns.secondsToTrial(200, 4);
        turns.joint(200, 4, 4);
        turns.joint(200, 4, 4);
        assertThat(turns.joint(700, 4, 4)).isEqualTo(2);
        assertThat(turns.joint(200, 4, 4)).isEqualTo(1);
        assertThat(turns.secondsToTrial(200, 4)).isLessThan(4);
    }

    @Test
    @DisplayName("The first trial causes no long pause if it waits for a turn, or has no result")
    void firstTrial() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.toFirstTrial();
        turns.pass(1000);
        turns.endTrial(21);
        assertThat(turns.secondsToTrial(20, 4))
                .as("two rounds of 20 ms, 20 times")
                .isBetween(0.7, 0.9);
        SimulatedTurns other = new SimulatedTurns();
        other.toFirstTrial();
        dropTrial(other);
        assertThat(other.secondsToTrial(20, 4)).as("16 rounds").isLessThan(0.4);
    }

    @Test
    @DisplayName("A trial ends when another number of rows has another preference")
    void otherRows() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.afterCostlyTrial();
        assertThat(turns.joint(50, 4, 4)).isEqualTo(2);
        assertThat(turns.joint(20, 1, 1)).isEqualTo(1);
        turns.single(20, 4);
        assertThat(turns.secondsToTrial(20, 4)).isGreaterThan(4);
    }

    @Test
    @DisplayName("Turns without rows are no rounds")
    void turnsWithoutRows() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.joint(20, 4, 4);
        for (int i = 0; i < 5; i++) {
            turns.single(20, 4);
        }
        for (int i = 0; i < 200; i++) {
            assertThat(turns.single(20, 0)).isEqualTo(1);
        }
    }

    @Test
    @DisplayName(
            "A trial without a clear difference ends after sixteen rounds, or when three or more take half a second")
    void longSteps() {
        assertThat(roundsOfTrial(400, 400)).isEqualTo(3);
        assertThat(roundsOfTrial(160, 160)).isEqualTo(4);
        assertThat(roundsOfTrial(60, 60)).isEqualTo(9);
        assertThat(roundsOfTrial(25, 25)).isEqualTo(16);
        assertThat(roundsOfTrial(60, 300))
                .as("the delayed round counts as 170 ms")
                .isEqualTo(7);
    }

    /** Counted rounds of a trial of joint turns, of which the fourth takes a time of its own. */
    private static int roundsOfTrial(double millis, double fourthMillis) {
        SimulatedTurns turns = new SimulatedTurns();
        turns.joint(millis, 4, 4);
        turns.secondsToTrial(millis, 4);
        assertThat(turns.joint(millis, 4, 4)).as("the first one is not counted").isEqualTo(2);
        int rounds = 1;
        while (turns.joint(rounds == 4 ? fourthMillis : millis, 4, 4) == 2) {
            rounds++;
        }
        return rounds;
    }

    @Test
    @DisplayName("Four trials follow each other soon, and further ones when their cost is small")
    void openMean() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.loseFirstTrial(21);
        for (int trial = 2; trial <= 4; trial++) {
            assertThat(turns.secondsToTrial(20, 4)).as("trial " + trial).isLessThan(2);
            turns.endTrial(21);
        }
        assertThat(turns.secondsToTrial(20, 4)).isGreaterThan(3);
    }

    @Test
    @DisplayName("After one trial with a loss of a third, or two with a quarter, the next one follows later")
    void clearLoss() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.loseFirstTrial(28);
        assertThat(turns.secondsToTrial(20, 4)).isGreaterThan(4);
        SimulatedTurns other = new SimulatedTurns();
        other.loseFirstTrial(25);
        assertThat(other.secondsToTrial(20, 4)).isLessThan(1);
        other.endTrial(25);
        assertThat(other.secondsToTrial(20, 4)).isGreaterThan(4);
    }

    @Test
    @DisplayName("A dropped trial is followed by a pause for its cost, also if the trial before it was open")
    void droppedAfterOpen() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.loseFirstTrial(21);
        turns.secondsToTrial(20, 4);
        dropTrial(turns);
        assertThat(turns.secondsToTrial(20, 4)).isGreaterThan(3);
    }

    @Test
    @DisplayName("A change of the durations after an open trial leaves its cost")
    void changeAfterOpen() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.loseCostly();
        turns.singlesFor(3, 20, 4);
        assertThat(turns.secondsToTrial(12, 4)).isGreaterThan(30);
    }

    @Test
    @DisplayName("A trial whose turns cannot be compared costs all its time")
    void notComparable() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.afterCostlyTrial();
        int rounds = 0;
        while (turns.joint(50, PROMPT, PROMPT) == 2) {
            rounds++;
        }
        assertThat(rounds).isEqualTo(10);
        assertThat(turns.secondsToTrial(20, 4)).isGreaterThan(50);
    }

    @Test
    @DisplayName("A trial of the layout's width whose turns cannot be compared does not bring it back")
    void notComparableWhereWide() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.toFirstTrial();
        for (int i = 0; i < 100; i++) {
            turns.joint(8, 4, 4);
        }
        while (turns.joint(8, 4, 4) == 2) {
            assertThat(turns.nanos()).isLessThan(100_000_000_000L);
        }
        int rounds = 0;
        while (turns.single(20, PROMPT) == 1) {
            assertThat(++rounds).isLessThan(30);
        }
        for (int i = 0; i < 10; i++) {
            assertThat(turns.joint(8, 4, 4)).isEqualTo(2);
        }
    }

    @Test
    @DisplayName("The wait for running turns before a trial is part of its cost")
    void waits() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.afterCostlyTrial();
        turns.pass(1000);
        while (turns.joint(24, 4, 4) == 2) {
            assertThat(turns.nanos()).isLessThan(100_000_000_000L);
        }
        assertThat(turns.secondsToTrial(20, 4))
                .as("20 times a second and a part of the turns")
                .isBetween(20.0, 25.0);
    }

    @Test
    @DisplayName(
            "A change of the width that is withdrawn before it takes effect costs the time until then, and no more")
    void withdrawn() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.afterCostlyTrial();
        turns.pass(20);
        assertThat(turns.turnOf(1, 20, busy(40))).as("the width for 44 rows").isEqualTo(1);
        turns.pass(5000);
        assertThat(turns.secondsToTrial(20, 4)).isBetween(2.0, 5.0);
    }

    @Test
    @DisplayName("A change of the durations that goes back before the next trial shortens the wait for it once")
    void changeThatGoesBack() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.afterCostlyTrial();
        // the trial costs a second, so that the next one follows after 150 s, or 20 s after a change
        turns.pass(950);
        turns.endTrial(50);
        turns.singlesFor(5, 20, 4);
        turns.singlesFor(3, 40, 4);
        assertThat(turns.secondsToTrial(20, 4)).isBetween(7.0, 20.0);
        turns.endTrial(50);
        assertThat(turns.secondsToTrial(20, 4)).as("to the second trial").isGreaterThan(5);
    }

    @Test
    @DisplayName("A gain of a seventh changes the width with the second trial: another process may pause during one")
    void secondTrial() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.joint(20, 4, 4);
        turns.secondsToTrial(26, 4);
        turns.endTrial(22.5);
        assertThat(turns.secondsToTrial(26, 4)).isLessThan(2);
        for (int i = 0; i < 14; i++) {
            assertThat(turns.joint(22.5, 4, 4)).isEqualTo(2);
        }
    }

    @Test
    @DisplayName("Single steps that become slower do not bring forward a trial of a width that is far slower")
    void slowdownWhereFar() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.joint(20, 4, 4);
        for (int i = 0; i < 4; i++) {
            turns.secondsToTrial(20, 4);
            turns.endTrial(50);
        }
        turns.singlesFor(2, 20, 4);
        assertThat(turns.secondsToTrial(40, 4)).isBetween(100.0, 240.0);
    }

    @Test
    @DisplayName("No trial begins while the number of rows changes every few rounds: it could not be judged")
    void rowsChange() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.loseFirstTrial();
        for (int i = 0; i < 200; i++) {
            turns.singlesFor(0.06, 20, 4);
            turns.singlesFor(0.06, 20, 16);
        }
        assertThat(turns.secondsToTrial(20, 4)).isBetween(0.05, 0.5);
    }

    @Test
    @DisplayName("A change that steps of one number of rows show causes a trial for the other numbers, too")
    void changeForAllRows() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.loseFirstTrial();
        for (int i = 0; i < 4; i++) {
            turns.secondsToTrial(20, 1);
            turns.endTrial(50, 1);
        }
        turns.singlesFor(2, 40, 4);
        assertThat(turns.secondsToTrial(20, 4)).isLessThan(2);
        turns.endTrial(50);
        assertThat(turns.secondsToTrial(20, 1)).isLessThan(3);
    }

    @Test
    @DisplayName("Single steps that become slower again and again postpone the next trial once, to 30 seconds")
    void repeatedSlowdown() {
        SimulatedTurns turns = new SimulatedTurns();
        turns.loseFirstTrial();
        turns.singlesFor(1.2, 20, 4);
        long start = turns.nanos();
        double seconds = 0;
        while (turns.single(32 * Math.pow(1.6, Math.floor(seconds / 3)), 4) == 1) {
            seconds = (turns.nanos() - start) / 1e9;
            assertThat(seconds).isLessThan(35);
        }
        assertThat(seconds).isGreaterThan(20);
    }

    private static Turn joint(InstanceWork first, InstanceWork second) {
        return new Turn(2, new InstanceGroup(0, 2), List.of(first, second), false, 0, 1000, 0);
    }

    private static Turn single(int instance, InstanceWork work) {
        return new Turn(1, new InstanceGroup(instance, instance + 1), List.of(work), false, 0, 1000, 0);
    }
}
