package io.tidemark.generation.layout;

import io.tidemark.generation.layout.GroupWidth.Turn;
import io.tidemark.generation.layout.RecentTurns.Comparison;
import io.tidemark.generation.layout.RecentTurns.Gains;
import io.tidemark.generation.layout.TurnDurations.Moment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * A trial of a width next to the preferred one. Decides when the trial ends, and whether the tried width becomes the
 * preferred one. The tried width has to be faster by more than {@code MIN_GAIN} in the mean of several trials, or by
 * more than {@code FIRST_GAIN} in the first one. Towards the initial width, any gain is enough. From each gain of the
 * wider width, {@link RecentTurns#lossByDelays} is subtracted.
 *
 * <p>Turns with prompt tokens and those without are compared separately and count by the time that they take. Those
 * with prompt tokens are compared for a minute, also those before the trial. If no turn of a kind can be compared, this
 * kind counts as in earlier trials.
 *
 * <p>No clock and no threads.
 */
final class WidthTrial {

    /**
     * A trial ends after this many counted rounds if the difference is more than {@code CLEAR_GAIN}; see
     * {@code NEARLY_SETTLED_NANOS} for an exception.
     */
    private static final int CLEAR_ROUNDS = 5;
    /**
     * A trial ends after this many counted rounds, or after fewer that have taken {@code FULL_NANOS} if enough turns
     * can be compared. Only a trial of a wider group without a clear difference goes on, until {@code SETTLED_NANOS}.
     */
    private static final int FULL_ROUNDS = 16;
    /**
     * Where a step takes a tenth of a second, several short trials say more than a long one. On a shared machine,
     * median turns of half a second differ from those of the five seconds before by 0.145, and those of 2.5 s still by
     * 0.106 (standard deviation of the logarithm; Llama of 1.07 billion parameters, eight rows).
     */
    private static final double FULL_NANOS = 0.5e9;
    /** A round counts at most as this, so {@code FULL_NANOS} needs three or more: the host may delay one. */
    private static final double MAX_COUNTED_ROUND_NANOS = 0.17e9;
    /** The fewest rounds that end a trial because one width is far slower. */
    private static final int FEWEST_ROUNDS = 3;
    /** If turns without prompt tokens can be compared, {@code FULL_NANOS} needs this many, or {@code CLEAR_ROUNDS}. */
    private static final int FEWEST_OTHERS = 3;

    /**
     * Where turns with prompt tokens take this part of the time or more, a trial that has compared none of them goes
     * on to {@code FULL_ROUNDS}, unless earlier ones have compared enough of them. In a log of 8 sequences of 1.07
     * billion parameters with four adapters, they take 0.4 of the time, and three of them take 461 ms in narrow groups
     * and 599 to 718 ms in joint steps; other turns differ less.
     */
    private static final double LARGE_PROMPT_SHARE = 0.2;

    private static final double CLEAR_GAIN = 0.1;
    /**
     * A trial of a wider group lasts at least this long unless the difference is clear. The turns of a wider group
     * become faster for a while after a change of the width: those of SmolLM2-135M with two rows take 7.3 ms at first,
     * 6.7 ms after 0.1 s and 6.4 ms after 0.4 s. {@link RecentTurns} compares the last ones.
     */
    static final double SETTLED_NANOS = 0.35e9;
    /** Before this time, a loss ends a trial of a wider group only if it is more than {@code EARLY_LOSS}. */
    static final double NEARLY_SETTLED_NANOS = 0.1e9;

    private static final double EARLY_LOSS = 0.25;
    /**
     * A single trial changes the width if the other one is faster by more than this. A process that works in bursts
     * often slows turns by less, and may pause during a trial. After a change of the durations, earlier trials count as
     * one, so the next trial decides with them.
     */
    private static final double FIRST_GAIN = 0.35;
    /** From this many trials on, a small gain changes the width. */
    private static final int ENOUGH_TRIALS = 2;
    /**
     * While a mean has few trials and a smaller gain or loss than this divided by the square root of their number, the
     * next trial follows soon. About twice the standard deviation of a trial on a shared machine, see
     * {@code FULL_NANOS}.
     */
    private static final double OPEN_GAIN = 0.3;
    /**
     * A trial with more rounds than this in which adapters were being packed is dropped when they have been packed, and
     * its turns cost nothing: turns of the preferred width may be too old, or may have used other groups.
     */
    private static final int MAX_PACKING_ROUNDS = 16;
    /** A trial ends after {@code FEWEST_ROUNDS} if the slower width takes this many times as long. */
    static final double FAR_SLOWER = 1.6;
    /**
     * A turn that is not counted, such as the first one, ends a trial of a wider group if it takes so many times as
     * long as narrow groups need.
     */
    private static final double HOPELESS = 4;
    /**
     * A trial of a wider group ends after {@code LONG_TURNS} turns of one group in a row that exceed their limits, or
     * have no prompt tokens and take so many times as long as narrow groups need. The host may delay a single one.
     */
    private static final double LONG = 2;

    private static final int LONG_TURNS = 2;
    /** Smaller gains do not change the width, except towards the initial width. */
    static final double MIN_GAIN = 0.03;
    /**
     * If the wider of two widths is above the initial one, delays of single turns are expected to make its turns longer
     * by this part. In a worker with two instances and 8 sequences of SmolLM2-135M, joint turns without prompts take
     * 3.7% longer than narrow ones by the middle half, which is compared, and 7.8% in the mean. Probably other threads
     * of the process, such as those of the Kafka clients, delay a thread of a step, and a joint step waits for it. Not
     * measured with more than two instances.
     */
    static final double EXPECTED_DELAYS = 0.04;

    private final PreferredWidth preference;
    private final int width;
    private final List<Integer> widths;
    private final RecentTurns turns;

    private double rounds;
    /** The rounds in which adapters were being packed. */
    private double packingRounds;
    /** The time of the counted rounds. */
    private double countedNanos;
    /** The time of all turns. */
    private double nanos;
    /** By group: consecutive last turns that were long. */
    private final Map<InstanceGroup, Integer> longTurns = new HashMap<>();

    /**
     * How much faster the tried width is, as logarithms.
     *
     * @param own     in the turns that this trial compares, also prompts of the last minute; empty if there are too few
     * @param all     for all turns, if those of a kind that was not compared are as in earlier trials
     * @param mean    for all turns, in the mean of recent trials
     * @param trials  the number of trials in this mean; {@code TrialGains.MEAN_OF_TRIALS} if no further one is needed
     */
    private record Verdict(OptionalDouble own, double all, double mean, int trials) {

        private static final Verdict UNKNOWN = new Verdict(OptionalDouble.empty(), 0, 0, TrialGains.MEAN_OF_TRIALS);

        /** Of a trial of a wider group with a turn that takes far too long, or two long turns in a row. */
        private static Verdict hopeless() {
            double gain = -Math.log(HOPELESS);
            return new Verdict(OptionalDouble.of(gain), gain, gain, TrialGains.MEAN_OF_TRIALS);
        }
    }

    /**
     * A trial of {@link PreferredWidth#widthOfNextTrial}.
     *
     * @param widths the widths of groups, from the smallest to the largest
     * @param turns  recent turns; those of the trial are added before {@link #turnEnds} is called for them
     */
    WidthTrial(PreferredWidth preference, List<Integer> widths, RecentTurns turns) {
        this.preference = preference;
        this.width = preference.widthOfNextTrial();
        this.widths = widths;
        this.turns = turns;
    }

    PreferredWidth preference() {
        return preference;
    }

    /** The index of the tried width. */
    int width() {
        return width;
    }

    /** Adds a turn of the tried width in which the trial has waited because adapters are being packed. */
    void waits(Turn turn, double round) {
        longTurns.remove(turn.group());
        packingRounds += round;
    }

    /**
     * Adds another turn of the tried width. Returns whether the trial has ended; the preferred width may be another one
     * then.
     *
     * @param round   the part of a round that the turn was
     * @param counted whether the turn is compared: not if it is the first one of its thread since the change of
     *                the width, has a slice of a background task, or exceeds its limit while adapters are packed
     */
    boolean turnEnds(Turn turn, double round, boolean counted, Moment now) {
        if (packingRounds > MAX_PACKING_ROUNDS) {
            preference.schedule().trialIsVoid();
            return true;
        }
        nanos += turn.nanos() * round;
        if (isWider() && countLong(turn, now) == LONG_TURNS) {
            end(Verdict.hopeless());
            return true;
        }
        if (counted) {
            rounds += round;
            countedNanos += Math.min(turn.nanos(), MAX_COUNTED_ROUND_NANOS) * round;
            Comparison compared = compare(now);
            OptionalDouble own = overall(compared.gains());
            boolean isFarApart = rounds >= FEWEST_ROUNDS && isFar(own);
            if (isFarApart || !needsPrompts(compared) && (isClear(own) || isComplete(compared))) {
                end(verdict(compared));
                return true;
            }
        } else if (isWider() && isLongerThanNarrow(HOPELESS, turn, now)) {
            end(Verdict.hopeless());
            return true;
        }
        return false;
    }

    /**
     * Ends the trial because it cannot go on. A gain counts after {@code FULL_ROUNDS}. A loss does not, because turns
     * of the wider group may not have settled: the trial then costs the time that it has lost. With fewer rounds, or if
     * its turns cannot be compared, it costs all its time.
     */
    void interrupt(Moment now) {
        Comparison compared = compare(now);
        OptionalDouble own = rounds >= FULL_ROUNDS ? overall(compared.gains()) : OptionalDouble.empty();
        if (own.orElse(0) > 0) {
            end(verdict(compared));
        } else {
            preference.trialDrops(width);
            preference.schedule().charge(lost(own) * nanos);
        }
    }

    private boolean isWider() {
        return width > preference.width();
    }

    private int narrow() {
        return Math.min(width, preference.width());
    }

    private int wide() {
        return Math.max(width, preference.width());
    }

    /**
     * Whether turns with prompt tokens may decide, but this trial has compared none, and no earlier one has compared
     * enough.
     */
    private boolean needsPrompts(Comparison compared) {
        return rounds < FULL_ROUNDS
                && preference.promptShare() >= LARGE_PROMPT_SHARE
                && compared.prompts().isEmpty()
                && preference.gains(narrow()).means().prompts().isEmpty();
    }

    private boolean isComplete(Comparison compared) {
        int others = compared.others().size();
        boolean isLong =
                countedNanos >= FULL_NANOS && (others == 0 || others >= FEWEST_OTHERS || rounds >= CLEAR_ROUNDS);
        return (isLong || rounds >= FULL_ROUNDS) && !(isWider() && nanos < SETTLED_NANOS);
    }

    /** Whether further rounds would hardly change which width is faster. */
    private boolean isClear(OptionalDouble gain) {
        if (gain.isEmpty() || rounds < CLEAR_ROUNDS) {
            return false;
        }
        double loss = isWider() && nanos < NEARLY_SETTLED_NANOS ? EARLY_LOSS : CLEAR_GAIN;
        return gain.getAsDouble() > Math.log1p(CLEAR_GAIN) || gain.getAsDouble() < -Math.log1p(loss);
    }

    private static boolean isFar(OptionalDouble gain) {
        return gain.isPresent() && Math.abs(gain.getAsDouble()) > Math.log(FAR_SLOWER);
    }

    /** Returns how many turns of this turn's group in a row were long, including this one. */
    private int countLong(Turn turn, Moment now) {
        if (turn.exceeded() || !turn.step().prompt() && isLongerThanNarrow(LONG, turn, now)) {
            return longTurns.merge(turn.group(), 1, Integer::sum);
        }
        longTurns.remove(turn.group());
        return 0;
    }

    /** Whether a turn takes more than {@code factor} times as long as groups of the preferred, narrower width need. */
    private boolean isLongerThanNarrow(double factor, Turn turn, Moment now) {
        OptionalDouble narrow = turns.narrowNanos(turn, widths.get(preference.width()), now);
        return !turn.hadSlice() && narrow.isPresent() && turn.nanos() > factor * narrow.getAsDouble();
    }

    private Comparison compare(Moment now) {
        return turns.compare(widths.get(narrow()), widths.get(wide()), now);
    }

    /** How much faster the tried width is for all turns, as a logarithm, if the wide one has these measured gains. */
    private OptionalDouble overall(Gains gains) {
        OptionalDouble measured = gains.overall(preference.promptShare(), !isWider());
        if (measured.isEmpty()) {
            return measured;
        }
        double expected = wide() > preference.initial() ? Math.log1p(EXPECTED_DELAYS) : 0;
        double wideGain =
                measured.getAsDouble() - turns.lossByDelays(widths.get(narrow()), widths.get(wide()), expected);
        return OptionalDouble.of(isWider() ? wideGain : -wideGain);
    }

    /** Adds the trial to the means of recent ones if its turns can be compared, and returns its gains. */
    private Verdict verdict(Comparison compared) {
        Gains gains = compared.gains();
        OptionalDouble own = overall(gains);
        if (own.isEmpty()) {
            return Verdict.UNKNOWN;
        }
        TrialGains trials = preference.gains(narrow());
        double all = overall(gains.or(trials.means())).orElseThrow();
        trials.add(compared);
        double mean = overall(trials.means().or(gains)).orElseThrow();
        return new Verdict(own, all, mean, trials.trials());
    }

    private void end(Verdict verdict) {
        double gain = Math.expm1(verdict.mean);
        boolean isFar = isFar(verdict.own);
        boolean isOpen = verdict.trials < TrialGains.MEAN_OF_TRIALS
                && !isFar
                && Math.abs(verdict.mean) * Math.sqrt(verdict.trials) < OPEN_GAIN;
        boolean contradictsMean = verdict.mean * verdict.all < 0;
        preference.schedule().trialEnds(gain > MIN_GAIN || contradictsMean, isOpen, isFar);
        boolean isBack = preference.isTowardsInitial(width) && gain > 0;
        if (isBack) {
            preference.restartGains();
        }
        if (isBack || gain > (verdict.trials < ENOUGH_TRIALS ? FIRST_GAIN : MIN_GAIN)) {
            preference.changeTo(width);
        } else {
            preference.trialIsLost(width);
            preference.schedule().charge(lost(verdict.own) * nanos);
        }
    }

    /** The part of its time that a trial has lost: all of it if its gain is not known. */
    private static double lost(OptionalDouble gain) {
        return gain.isPresent() ? -Math.expm1(gain.getAsDouble()) : 1;
    }
}
