package io.tidemark.generation.layout;

import static io.tidemark.generation.layout.SimulatedEngine.TWO_OF_A_SMALL_MODEL;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.layout.GroupWidth.Turn;
import java.util.List;

/** Turns of two instances, one after another, or side by side with the same duration. */
final class SimulatedTurns {

    static final InstanceWork PROMPT = new InstanceWork(new StepSize(4, 43, true, false), 0, false, false, false, true);

    private final MeasuredWidth choice;
    private long nanos;

    SimulatedTurns() {
        this(TWO_OF_A_SMALL_MODEL);
    }

    SimulatedTurns(EngineLayout layout) {
        choice = new MeasuredWidth(layout);
        assertThat(choice.start()).isEqualTo(2);
    }

    /** The time now, in nanoseconds. */
    long nanos() {
        return nanos;
    }

    void pass(double millis) {
        nanos += nanos(millis);
    }

    /** A joint turn, and turns side by side until the first trial begins. */
    void toFirstTrial() {
        joint(20, 4, 4);
        secondsToTrial(20, 4);
    }

    void loseFirstTrial() {
        loseFirstTrial(50);
    }

    void loseFirstTrial(double millis) {
        toFirstTrial();
        endTrial(millis);
    }

    /** The first trial of joint turns, of which so many have prompts. Some turns before it have prompts, too. */
    void loseTrialWithPrompts(int prompts) {
        joint(20, 4, 4);
        roundsWithPromptsToTrial(100);
        joint(25, 4, 4);
        for (int i = 0; i < prompts; i++) {
            assertThat(joint(105, PROMPT, PROMPT)).isEqualTo(2);
        }
        endTrial(25);
    }

    /** Two open trials. The second one has a cost of two seconds. */
    void loseCostly() {
        toFirstTrial();
        pass(5_000);
        endTrial(21);
        secondsToTrial(20, 4);
        pass(2_000);
        endTrial(21);
    }

    /** Until the second trial, whose cost counts in full because the first one has cost more. */
    void afterCostlyTrial() {
        toFirstTrial();
        pass(10_000);
        endTrial(50);
        secondsToTrial(20, 4);
    }

    /** A joint turn. An instance without rows is idle if the other one has rows, and active otherwise. */
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

    int joint(double millis, InstanceWork first, InstanceWork second, boolean exceeded) {
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
        return choice.next(
                new Turn(1, new InstanceGroup(instance, instance + 1), List.of(work), false, 0, nanos(millis), nanos));
    }

    /** Turns side by side for some seconds, in which no trial begins. */
    void singlesFor(double seconds, double millis, int rows) {
        long end = nanos + (long) (1e9 * seconds);
        while (nanos < end) {
            assertThat(single(millis, rows)).isEqualTo(1);
        }
    }

    /** Joint turns until a trial of them has ended. Returns how many have followed the first one. */
    int endTrial(double millis) {
        return endTrial(millis, 4);
    }

    int endTrial(double millis, int rows) {
        int turns = 0;
        while (joint(millis, rows, rows) == 2) {
            assertThat(++turns).as("turns of a trial").isLessThan(20);
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

    /** Turns side by side until a trial begins, at most {@code max} rounds. Returns those after which none began. */
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

    /** Work of an active instance that decodes. */
    static InstanceWork busy(int rows) {
        return new InstanceWork(new StepSize(rows, rows, false, false), 0, false, false, false, true);
    }
}
