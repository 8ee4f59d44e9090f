package io.tidemark.generation.layout;

import static io.tidemark.generation.layout.SimulatedEngine.TWO;
import static io.tidemark.generation.layout.SimulatedEngine.TWO_OF_A_SMALL_MODEL;
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

    private static final InstanceWork PROMPT =
            new InstanceWork(new StepSize(4, 43, true, false), 0, false, false, false, true);
    private static final InstanceWork PACKING = new InstanceWork(step(4), 0, false, true, false, true);

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
        Turns turns = new Turns();
        turns.afterCostlyTrial();
        dropTrial(turns);
        assertThat(turns.secondsToTrial(20, 4)).isGreaterThan(4.9);
    }

    /** A trial whose second turn has an idle instance. */
    private static void dropTrial(Turns turns) {
        assertThat(turns.joint(50, 4, 4)).isEqualTo(2);
        assertThat(turns.joint(50, 4, 0)).isEqualTo(2);
        assertThat(turns.joint(20, 4, 4)).isEqualTo(1);
    }

    @Test
    @DisplayName("A trial that an idle instance ends after enough rounds costs what it has lost")
    void interrupted() {
        Turns turns = new Turns();
        turns.afterCostlyTrial();
        interruptTrial(turns, 20.4);
        assertThat(turns.joint(20, 4, 4)).isEqualTo(1);
        assertThat(turns.secondsToTrial(20, 4)).isLessThan(6);
    }

    @Test
    @DisplayName("Two interrupted trials that favour the other width change it, although one between them does not")
    void interruptedAndFaster() {
        Turns turns = new Turns();
        for (double millis : List.of(18.5, 20.5, 18.5)) {
            assertThat(turns.joint(20, 4, 4)).isEqualTo(1);
            turns.secondsToTrial(20, 4);
            interruptTrial(turns, millis);
        }
        assertThat(turns.joint(20, 4, 4)).isEqualTo(2);
    }

    /** Joint turns that are neither much faster nor much slower than others of 20 ms, until an instance is idle. */
    private static void interruptTrial(Turns turns, double millis) {
        for (int i = 0; i < 17; i++) {
            assertThat(turns.joint(millis, 4, 4)).isEqualTo(2);
        }
        assertThat(turns.joint(millis, 4, 0)).isEqualTo(2);
    }

    @Test
    @DisplayName("A joint step that exceeds its limit ends a trial of joint steps at once")
    void exceededInTrial() {
        Turns turns = new Turns();
        turns.joint(20, 4, 4);
        turns.secondsToTrial(20, 4);
        for (int i = 0; i < 4; i++) {
            assertThat(turns.joint(20, 4, 4)).isEqualTo(2);
        }
        assertThat(turns.exceeded(25, 4)).isEqualTo(1);
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
        Turns turns = new Turns(TWO);
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
    @DisplayName("The host stops for a second in a trial: the next one follows soon, and its cost counts as usual")
    void stoppedHost() {
        Turns turns = new Turns();
        turns.joint(20, 4, 4);
        assertThat(turns.secondsToTrial(20, 4)).isLessThan(1);
        turns.joint(1000, 4, 4);
        turns.lose(50);
        assertThat(turns.secondsToTrial(20, 4)).isLessThan(5);
        turns.lose(50);
        assertThat(turns.secondsToTrial(20, 4)).isGreaterThan(10);
    }

    @Test
    @DisplayName("A trial ends when another number of rows has another preference")
    void otherRows() {
        Turns turns = new Turns();
        turns.afterCostlyTrial();
        assertThat(turns.joint(50, 4, 4)).isEqualTo(2);
        assertThat(turns.joint(20, 1, 1)).isEqualTo(1);
        turns.single(20, 4);
        assertThat(turns.secondsToTrial(20, 4)).isGreaterThan(4);
    }

    @Test
    @DisplayName("Turns without rows are no rounds")
    void turnsWithoutRows() {
        Turns turns = new Turns();
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
            "A trial without a clear difference ends after sixteen rounds, or when five or more take half a second")
    void longSteps() {
        assertThat(roundsOfTrial(160, 160)).isEqualTo(5);
        assertThat(roundsOfTrial(60, 60)).isEqualTo(9);
        assertThat(roundsOfTrial(25, 25)).isEqualTo(16);
        assertThat(roundsOfTrial(60, 300))
                .as("the delayed round counts as 100 ms")
                .isEqualTo(8);
    }

    /** Counted rounds of a trial of joint turns, of which the fourth takes a time of its own. */
    private static int roundsOfTrial(double millis, double fourthMillis) {
        Turns turns = new Turns();
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
        Turns turns = new Turns();
        turns.loseFirstTrial(21);
        for (int trial = 2; trial <= 4; trial++) {
            assertThat(turns.secondsToTrial(20, 4)).as("trial " + trial).isLessThan(2);
            turns.lose(21);
        }
        assertThat(turns.secondsToTrial(20, 4)).isGreaterThan(4);
    }

    @Test
    @DisplayName("After one trial with a loss of a third, or two with a quarter, the next one follows later")
    void clearLoss() {
        double sixteenRounds = 16 * 0.02;
        Turns turns = new Turns();
        turns.loseFirstTrial(28);
        assertThat(turns.secondsToTrial(20, 4)).isGreaterThan(1.9 * sixteenRounds);
        Turns other = new Turns();
        other.loseFirstTrial(25);
        assertThat(other.secondsToTrial(20, 4)).isLessThan(1.1 * sixteenRounds);
        other.lose(25);
        assertThat(other.secondsToTrial(20, 4)).isGreaterThan(1.9 * sixteenRounds);
    }

    @Test
    @DisplayName("A dropped trial is followed by a pause for its cost, also if the trial before it was open")
    void droppedAfterOpen() {
        Turns turns = new Turns();
        turns.loseFirstTrial(21);
        turns.secondsToTrial(20, 4);
        dropTrial(turns);
        assertThat(turns.secondsToTrial(20, 4)).isGreaterThan(4);
    }

    @Test
    @DisplayName("A change of the durations after an open trial leaves its cost")
    void changeAfterOpen() {
        Turns turns = new Turns();
        turns.loseCostly();
        turns.singlesFor(3, 20, 4);
        assertThat(turns.secondsToTrial(12, 4)).isGreaterThan(30);
    }

    @Test
    @DisplayName(
            "A trial goes on for a turn with a prompt if these take a fifth of the time, and for at most 16 rounds")
    void needsPrompts() {
        Turns turns = new Turns();
        turns.joint(20, 4, 4);
        turns.roundsWithPromptsToTrial(100);
        assertThat(turns.lose(25)).as("rounds without a prompt").isEqualTo(16);
        turns.roundsWithPromptsToTrial(100);
        turns.joint(25, 4, 4);
        turns.joint(125, PROMPT, PROMPT);
        assertThat(turns.lose(25)).as("rounds after one with a prompt").isEqualTo(3);
        turns.roundsWithPromptsToTrial(100);
        assertThat(turns.lose(25))
                .as("rounds, if an earlier trial had a prompt")
                .isEqualTo(5);
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
        Turns turns = new Turns();
        turns.loseTrialWithPrompts(prompts);
        long start = turns.nanos;
        turns.roundsWithPromptsToTrial(100);
        while (turns.nanos - start < 59_000_000_000L) {
            assertThat(turns.lose(25)).isEqualTo(5);
            turns.roundsWithPromptsToTrial(100);
        }
        turns.pass(1_000);
        return turns.lose(25);
    }

    @Test
    @DisplayName("A turn of a narrow group with a prompt is compared in later trials of such groups, too")
    void promptsOfNarrowGroups() {
        Turns turns = new Turns(TWO);
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

    @Test
    @DisplayName("No trial begins while adapters are being packed, and the first one sixteen rounds later")
    void packingBeforeTrial() {
        Turns turns = new Turns();
        turns.joint(50, 4, 4);
        assertThat(turns.rounds(47, 50, PACKING)).isEqualTo(47);
        assertThat(turns.rounds(100, 50, busy(4))).isEqualTo(16);
    }

    @Test
    @DisplayName("After 48 rounds of packing, or two seconds of shorter rounds, turns are compared")
    void packingWithoutEnd() {
        Turns turns = new Turns();
        turns.joint(50, 4, 4);
        assertThat(turns.rounds(1000, 50, PACKING)).isEqualTo(48 + 15);
        Turns fast = new Turns();
        fast.joint(10, 4, 4);
        assertThat(fast.rounds(1000, 10, PACKING)).isEqualTo(4 * 48 + 15);
    }

    @Test
    @DisplayName("Each round without packing allows another one with it")
    void packingAgain() {
        Turns turns = new Turns();
        turns.joint(50, 4, 4);
        turns.rounds(48, 50, PACKING);
        turns.rounds(10, 50, busy(4));
        assertThat(turns.rounds(1000, 50, PACKING)).isEqualTo(10 + 5);
    }

    @Test
    @DisplayName("A trial begins although adapters are packed in every second round")
    void packingOnAndOff() {
        Turns turns = new Turns();
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
        Turns other = new Turns();
        other.loseCostly();
        double wait = other.secondsToTrial(20, 4);
        Turns turns = new Turns();
        turns.loseCostly();
        turns.singlesFor(wait - 0.5, 20, 4);
        assertThat(turns.rounds(80, 20, PACKING)).isEqualTo(80);
        assertThat(turns.rounds(1000, 20, busy(4))).isLessThan(2);
    }

    @Test
    @DisplayName("Turns of a trial count when adapters have been packed, but not after more than sixteen rounds")
    void packingInTrial() {
        Turns turns = new Turns();
        turns.joint(20, 4, 4);
        turns.rounds(1000, 20, busy(4));
        turns.joint(20, 4, 4);
        packJoint(turns, 16);
        assertThat(turns.lose(21)).isEqualTo(15);
        turns.rounds(1000, 20, busy(4));
        turns.joint(20, 4, 4);
        packJoint(turns, 17);
        assertThat(turns.joint(100, 4, 4)).as("the trial is dropped").isEqualTo(1);
        assertThat(turns.secondsToTrial(20, 4)).as("without a cost").isLessThan(0.5);
    }

    /** Turns of a trial that would end it, if they counted. */
    private static void packJoint(Turns turns, int rounds) {
        for (int i = 0; i < rounds; i++) {
            assertThat(turns.joint(100, PACKING, busy(4))).isEqualTo(2);
        }
    }

    @Test
    @DisplayName("A joint step that exceeds its limit ends a trial also while adapters are packed")
    void exceededWhilePacking() {
        Turns turns = new Turns();
        turns.joint(20, 4, 4);
        turns.secondsToTrial(20, 4);
        turns.joint(20, PACKING, busy(4));
        assertThat(turns.joint(40, PACKING, busy(4), true)).isEqualTo(1);
    }

    @Test
    @DisplayName("A trial whose turns cannot be compared costs all its time")
    void notComparable() {
        Turns turns = new Turns();
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
        Turns turns = new Turns();
        turns.joint(20, 4, 4);
        turns.secondsToTrial(20, 4);
        for (int i = 0; i < 100; i++) {
            turns.joint(8, 4, 4);
        }
        while (turns.joint(8, 4, 4) == 2) {
            assertThat(turns.nanos).isLessThan(100_000_000_000L);
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
        Turns turns = new Turns();
        turns.afterCostlyTrial();
        turns.pass(1000);
        while (turns.joint(24, 4, 4) == 2) {
            assertThat(turns.nanos).isLessThan(100_000_000_000L);
        }
        assertThat(turns.secondsToTrial(20, 4)).isGreaterThan(99);
    }

    @Test
    @DisplayName(
            "A change of the width that is withdrawn before it takes effect costs the time until then, and no more")
    void withdrawn() {
        Turns turns = new Turns();
        turns.afterCostlyTrial();
        turns.pass(20);
        assertThat(turns.turnOf(1, 20, busy(40))).as("the width for 44 rows").isEqualTo(1);
        turns.pass(5000);
        assertThat(turns.secondsToTrial(20, 4)).isBetween(2.0, 5.0);
    }

    @Test
    @DisplayName("A change of the durations that goes back before the next trial shortens the wait for it once")
    void changeThatGoesBack() {
        Turns turns = new Turns();
        turns.afterCostlyTrial();
        // the trial costs a second, so that the next one follows after 150 s, or 20 s after a change
        turns.pass(950);
        turns.lose(50);
        turns.singlesFor(5, 20, 4);
        turns.singlesFor(3, 40, 4);
        assertThat(turns.secondsToTrial(20, 4)).isBetween(7.0, 20.0);
        turns.lose(50);
        assertThat(turns.secondsToTrial(20, 4)).as("to the second trial").isGreaterThan(5);
    }

    @Test
    @DisplayName("A gain of a seventh changes the width with the second trial: another process may pause during one")
    void secondTrial() {
        Turns turns = new Turns();
        turns.joint(20, 4, 4);
        turns.secondsToTrial(26, 4);
        turns.lose(22.5);
        assertThat(turns.secondsToTrial(26, 4)).isLessThan(2);
        for (int i = 0; i < 14; i++) {
            assertThat(turns.joint(22.5, 4, 4)).isEqualTo(2);
        }
    }

    @Test
    @DisplayName("Single steps that become slower do not bring forward a trial of a width that is far slower")
    void slowdownWhereFar() {
        Turns turns = new Turns();
        turns.joint(20, 4, 4);
        for (int i = 0; i < 4; i++) {
            turns.secondsToTrial(20, 4);
            turns.lose(50);
        }
        turns.singlesFor(2, 20, 4);
        assertThat(turns.secondsToTrial(40, 4)).isBetween(100.0, 240.0);
    }

    @Test
    @DisplayName("No trial begins while the number of rows changes every few rounds: it could not be judged")
    void rowsChange() {
        Turns turns = new Turns();
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
        Turns turns = new Turns();
        turns.loseFirstTrial();
        for (int i = 0; i < 4; i++) {
            turns.secondsToTrial(20, 1);
            turns.lose(50, 1);
        }
        turns.singlesFor(2, 40, 4);
        assertThat(turns.secondsToTrial(20, 4)).isLessThan(2);
        turns.lose(50);
        assertThat(turns.secondsToTrial(20, 1)).isLessThan(2);
    }

    @Test
    @DisplayName("Single steps that become slower again and again postpone the next trial once, to 30 seconds")
    void repeatedSlowdown() {
        Turns turns = new Turns();
        turns.loseFirstTrial();
        turns.singlesFor(1.2, 20, 4);
        long start = turns.nanos;
        double seconds = 0;
        while (turns.single(32 * Math.pow(1.6, Math.floor(seconds / 3)), 4) == 1) {
            seconds = (turns.nanos - start) / 1e9;
            assertThat(seconds).isLessThan(35);
        }
        assertThat(seconds).isGreaterThan(20);
    }

    /** Turns of two instances, one after another, or side by side with the same duration. */
    private static final class Turns {
        private final MeasuredWidth choice;
        private long nanos;

        Turns() {
            this(TWO_OF_A_SMALL_MODEL);
        }

        Turns(EngineLayout layout) {
            choice = new MeasuredWidth(layout);
            assertThat(choice.start()).isEqualTo(2);
        }

        void pass(double millis) {
            nanos += nanos(millis);
        }

        void loseFirstTrial() {
            loseFirstTrial(50);
        }

        void loseFirstTrial(double millis) {
            joint(20, 4, 4);
            secondsToTrial(20, 4);
            lose(millis);
        }

        /** The first trial of joint turns, of which so many have prompts. Some turns before it have prompts, too. */
        void loseTrialWithPrompts(int prompts) {
            joint(20, 4, 4);
            roundsWithPromptsToTrial(100);
            joint(25, 4, 4);
            for (int i = 0; i < prompts; i++) {
                assertThat(joint(105, PROMPT, PROMPT)).isEqualTo(2);
            }
            lose(25);
        }

        /** Two open trials. The second one has a cost of two seconds. */
        void loseCostly() {
            joint(20, 4, 4);
            secondsToTrial(20, 4);
            pass(5_000);
            lose(21);
            secondsToTrial(20, 4);
            pass(2_000);
            lose(21);
        }

        /** Until the second trial, whose cost counts in full because the first one has cost more. */
        void afterCostlyTrial() {
            joint(20, 4, 4);
            secondsToTrial(20, 4);
            pass(10_000);
            lose(50);
            secondsToTrial(20, 4);
        }

        /** Instances stay active without rows, except one that has none while the other one has. */
        int joint(double millis, int first, int second) {
            return joint(
                    millis,
                    first == 0 && second > 0 ? InstanceWork.NONE : busy(first),
                    second == 0 && first > 0 ? InstanceWork.NONE : busy(second));
        }

        int joint(double millis, InstanceWork first, InstanceWork second) {
            return joint(millis, first, second, false);
        }

        /** A joint turn whose step exceeds its limit. */
        int exceeded(double millis, int rows) {
            return joint(millis, busy(rows), busy(rows), true);
        }

        private int joint(double millis, InstanceWork first, InstanceWork second, boolean exceeded) {
            pass(millis);
            return choice.next(
                    new Turn(2, new InstanceGroup(0, 2), List.of(first, second), exceeded, 0, nanos(millis), nanos));
        }

        int single(double millis, int rows) {
            return single(millis, busy(rows));
        }

        int single(double millis, InstanceWork work) {
            pass(millis);
            int next = 1;
            for (int i = 0; i < 2 && next == 1; i++) {
                next = turnOf(i, millis, work);
            }
            return next;
        }

        /** A turn that ends now. */
        int turnOf(int instance, double millis, InstanceWork work) {
            return choice.next(new Turn(
                    1, new InstanceGroup(instance, instance + 1), List.of(work), false, 0, nanos(millis), nanos));
        }

        /** Turns side by side for some seconds, in which no trial begins. */
        void singlesFor(double seconds, double millis, int rows) {
            long end = nanos + (long) (1e9 * seconds);
            while (nanos < end) {
                assertThat(single(millis, rows)).isEqualTo(1);
            }
        }

        /** Joint turns until a trial of them has ended. Returns how many have followed the first one. */
        int lose(double millis) {
            return lose(millis, 4);
        }

        int lose(double millis, int rows) {
            int turns = 0;
            while (joint(millis, rows, rows) == 2) {
                assertThat(++turns).as("turns of a trial that is lost").isLessThan(20);
            }
            return turns;
        }

        private static long nanos(double millis) {
            return Math.round(1e6 * millis);
        }

        /** Turns side by side, of which every eighth has a prompt, until a trial begins. */
        void roundsWithPromptsToTrial(double promptMillis) {
            boolean goesOn = true;
            for (int round = 0; goesOn; round++) {
                assertThat(round).isLessThan(2000);
                goesOn = (round % 8 == 0 ? single(promptMillis, PROMPT) : single(20, 4)) == 1;
            }
        }

        /** Joint turns, of which every eighth has a prompt, until a trial of single ones begins. */
        void jointWithPromptsToTrial() {
            boolean goesOn = true;
            for (int round = 0; goesOn; round++) {
                assertThat(round).isLessThan(2000);
                goesOn = (round % 8 == 0 ? joint(200, PROMPT, PROMPT) : joint(20, 4, 4)) == 2;
            }
        }

        /** Turns side by side until a trial begins, at most {@code max} rounds. Returns the rounds before the last. */
        int rounds(int max, double millis, InstanceWork work) {
            int rounds = 0;
            while (rounds < max && single(millis, work) == 1) {
                rounds++;
            }
            return rounds;
        }

        double secondsToTrial(double millis, int rows) {
            long start = nanos;
            while (single(millis, rows) == 1) {
                assertThat(nanos - start).isLessThan(3_600_000_000_000L);
            }
            return (nanos - start) / 1e9;
        }
    }

    private static InstanceWork busy(int rows) {
        return new InstanceWork(step(rows), 0, false, false, false, true);
    }

    private static Turn joint(InstanceWork first, InstanceWork second) {
        return new Turn(2, new InstanceGroup(0, 2), List.of(first, second), false, 0, 1000, 0);
    }

    private static Turn single(int instance, InstanceWork work) {
        return new Turn(1, new InstanceGroup(instance, instance + 1), List.of(work), false, 0, 1000, 0);
    }

    private static StepSize step(int rows) {
        return new StepSize(rows, rows, false, false);
    }
}
