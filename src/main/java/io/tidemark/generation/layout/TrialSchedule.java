package io.tidemark.generation.layout;

/**
 * When the next trial of another width follows: after a number of rounds, and when turns have taken many times as long
 * as the last trials have cost. In a round each active group has a turn.
 *
 * <p>A trial is open if a few further ones may show something else; the next one follows soon. Otherwise the rounds
 * between two trials grow with each trial that does not favour the other width, but not with the first lost trials of a
 * width nearer to the initial one; see {@link #retry}. The cost of a trial is the time that it loses, and the waits at
 * its start and end until no thread is in a turn. A single turn can take a hundred times as long as others when the
 * host stops the machine. So the cost counts only up to the largest one of earlier trials, which is halved with each
 * later one. If a trial has a result, this limit is at least what a trial usually costs.
 *
 * <p>No clock and no threads.
 */
final class TrialSchedule {

    private static final int MIN_BETWEEN = 16;
    private static final int MAX_BETWEEN = 1024;
    /** Rounds until the next trial when turns take a clearly different time. */
    private static final int AFTER_CHANGE = 8;
    /** Before an urgent trial, a second counts as at least this many rounds. */
    private static final double URGENT_ROUNDS_PER_SECOND = 8;
    /**
     * At most this many seconds of turns lie between two trials, eight times as many where one width is far slower,
     * unless the cost of the first one requires more.
     */
    private static final double MAX_SECONDS_BETWEEN = 30;
    /**
     * The rounds between two trials grow by this factor where one width is far slower, and by 2 elsewhere. So do the
     * most rounds and seconds between them: a change of the durations causes a trial anyway.
     */
    private static final int FACTOR_WHERE_FAR = 8;
    /** After a trial, none follows while turns take this many times the time that it has cost. */
    static final double MIN_TIME_TO_COST = 150;
    /**
     * The same after turns have begun to take a clearly different time, while trials are open, and after the first lost
     * trial in {@link #retry}. It doubles with each trial after such a change that is lost: a process that works in
     * bursts changes the time of turns again and again.
     */
    private static final double MIN_TIME_TO_COST_AFTER_CHANGE = 20;

    private static final double MAX_TIME_TO_COST_AFTER_CHANGE = 80;
    /** Open trials since the durations have changed. More would not decide if the widths are equally fast. */
    private static final int MAX_OPEN_TRIALS = 8;
    /** A lost trial usually costs the time of so many rounds: it has four that take 1.3 times as long, and a wait. */
    private static final int USUAL_COST_ROUNDS = 2;
    /** The most that these rounds count as. */
    private static final double MAX_USUAL_COST_NANOS = 0.5e9;
    /** The longest pause because of the cost of trials. A cost is too large if the process was stopped in a trial. */
    static final double MAX_PAUSE_NANOS = 600e9;

    private int between = MIN_BETWEEN;
    private double roundsLeft = between;
    /** Whether the next trial was postponed: this happens once, so that repeated changes do not prevent it. */
    private boolean postponed;
    /** Whether turns have changed since the last trial. */
    private boolean changed;
    /** Between {@code MIN_TIME_TO_COST_AFTER_CHANGE} and {@code MAX_TIME_TO_COST_AFTER_CHANGE}. */
    private double timeToCostAfterChange = MIN_TIME_TO_COST_AFTER_CHANGE;
    /** The time without a trial after the last one, divided by its cost. */
    private double timeToCost = MIN_TIME_TO_COST;
    /** The number of open trials since the durations have changed. */
    private int openTrials;
    /** What the last trial has cost since it began; 0 before the first one. */
    private double costNanos;
    /** At most this much of it counts. */
    private double maxCostNanos;
    /**
     * How much of the pause has passed: the time of turns, at most the length of the pause at that time. After a trial
     * that has begun in the pause of an earlier one, it starts below 0, by what was left of that pause.
     */
    private double passedNanos;
    /** The shortest turn outside trials since the last trial with a result; 0 if there was none. */
    private double shortestNanos;

    /** Whether a trial is due. */
    boolean isDue() {
        return roundsLeft <= 0 && passedNanos >= pauseNanos();
    }

    /** How long turns have to take before the next trial, because of what the last one has cost. */
    private double pauseNanos() {
        return Math.min(timeToCost * Math.min(costNanos, maxCostNanos), MAX_PAUSE_NANOS);
    }

    /** Called for the time of all turns, also of those in a trial. */
    void timePasses(double nanos) {
        passedNanos += nanos;
        limitPassed();
    }

    /** What is left of the pause stays between 0 and {@code MAX_PAUSE_NANOS}. */
    private void limitPassed() {
        double pauseNanos = pauseNanos();
        passedNanos = Math.max(pauseNanos - MAX_PAUSE_NANOS, Math.min(passedNanos, pauseNanos));
    }

    /** @param round the part of a round that a turn without a trial was */
    void turnEnds(double round, double seconds) {
        shortestNanos = shortestNanos == 0 ? seconds * 1e9 : Math.min(shortestNanos, seconds * 1e9);
        double maxSeconds = MAX_SECONDS_BETWEEN * Math.max(1, between / MAX_BETWEEN);
        double perSecond = isUrgent() ? URGENT_ROUNDS_PER_SECOND : between / maxSeconds;
        roundsLeft -= round * Math.max(1, seconds * perSecond);
    }

    /** Whether the next trial is also due after some time, because the present width may be far slower. */
    private boolean isUrgent() {
        return !postponed && (changed || between == MIN_BETWEEN);
    }

    /**
     * The durations of turns have changed, and the other width may be faster now. A trial follows soon, and the pause
     * after the last one becomes shorter.
     */
    void durationsChange() {
        postponed = false;
        if (!changed) {
            changed = true;
            timeToCost = Math.min(timeToCost, timeToCostAfterChange);
            limitPassed();
            openTrials = 0;
        }
        roundsLeft = Math.min(roundsLeft, AFTER_CHANGE);
    }

    /**
     * The other width has not become faster: the next trial follows after at least {@code MAX_BETWEEN} rounds or
     * {@code MAX_SECONDS_BETWEEN}.
     */
    void postpone() {
        if (!postponed) {
            postponed = true;
            between = Math.max(between, MAX_BETWEEN);
            roundsLeft = Math.max(roundsLeft, MAX_BETWEEN);
        }
    }

    void trialBegins() {
        postponed = false;
        passedNanos = Math.min(0, passedNanos - pauseNanos());
        maxCostNanos = Math.max(costNanos, maxCostNanos / 2);
        costNanos = 0;
    }

    /** Adds to the cost of the last trial; a negative time is no cost. */
    void charge(double nanos) {
        costNanos += Math.max(0, nanos);
        limitPassed();
    }

    /** A trial has ended without a result. {@link #charge} follows. */
    void trialDrops() {
        changed = false;
        timeToCost = MIN_TIME_TO_COST;
        roundsLeft = between;
    }

    /**
     * A trial has ended without a result because adapters were being packed. Its turns cost nothing. If the durations
     * of turns had changed before it, the next trial follows as soon as this one did.
     */
    void trialIsVoid() {
        boolean hadChanged = changed;
        trialDrops();
        if (hadChanged) {
            durationsChange();
        }
    }

    /**
     * A trial has ended. {@link #charge} or {@link #widthChanges} follows, perhaps after {@link #retry}.
     *
     * @param mayBeFaster whether it has shown that the other width may be faster
     * @param isOpen      whether a few further trials may show something else
     * @param isFar       whether one of the widths is far slower
     */
    void trialEnds(boolean mayBeFaster, boolean isOpen, boolean isFar) {
        if (changed) {
            changed = false;
            timeToCostAfterChange = mayBeFaster
                    ? MIN_TIME_TO_COST_AFTER_CHANGE
                    : Math.min(2 * timeToCostAfterChange, MAX_TIME_TO_COST_AFTER_CHANGE);
        }
        boolean open = isOpen && openTrials < MAX_OPEN_TRIALS;
        openTrials += open ? 1 : 0;
        double usualNanos = Math.min(USUAL_COST_ROUNDS * shortestNanos, MAX_USUAL_COST_NANOS);
        shortestNanos = 0;
        maxCostNanos = Math.max(maxCostNanos, usualNanos);
        timeToCost = open ? timeToCostAfterChange : MIN_TIME_TO_COST;
        limitPassed();
        int factor = isFar ? FACTOR_WHERE_FAR : 2;
        between = mayBeFaster || open
                ? MIN_BETWEEN
                : Math.min(factor * between, isFar ? FACTOR_WHERE_FAR * MAX_BETWEEN : MAX_BETWEEN);
        roundsLeft = between;
    }

    /**
     * Called between the end of a trial and {@link #charge}. What has slowed the other width in this trial may last
     * some seconds only. The pause is 20 times the cost, and twice as long with each earlier lost trial, up to the
     * usual one. The next trial may begin after {@code MIN_BETWEEN} rounds.
     *
     * @param lost the number of trials of this width that have been lost before, since the width has changed
     * @return whether the pause is shorter than the usual one
     */
    boolean retry(int lost) {
        double retryTimeToCost = Math.scalb(MIN_TIME_TO_COST_AFTER_CHANGE, lost);
        if (retryTimeToCost >= MIN_TIME_TO_COST) {
            return false;
        }
        timeToCost = Math.min(timeToCost, retryTimeToCost);
        limitPassed();
        between = MIN_BETWEEN;
        roundsLeft = between;
        return true;
    }

    /** The trial has changed the width: what trials of the other one have cost does not count. */
    void widthChanges() {
        passedNanos = pauseNanos();
    }
}
