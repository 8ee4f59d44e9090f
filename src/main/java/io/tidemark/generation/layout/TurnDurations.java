package io.tidemark.generation.layout;

import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.OptionalDouble;
import java.util.TreeMap;

/**
 * Durations of recent turns by the size of their step, for groups of one width. Steps with and without prompt tokens,
 * and with and without adapters, are separate. Up to 16 tokens each number is a class of its own; of larger ones, those
 * in a range of a factor of {@code DECODE_RATIO} share one, or of {@code PROMPT_RATIO} in steps with prompt tokens.
 *
 * <p>The expected duration is a median, so that a few turns that take far longer do not count. Changes are detected in
 * means.
 */
final class TurnDurations {

    /** The weight of a turn in a mean is one divided by this. */
    private static final int MEAN_OF_TURNS = 8;
    /** A longer turn counts as this many times the mean, so that one delay does not look like a change. */
    private static final double MAX_OF_MEAN = 2;
    /**
     * A mean over about {@code CHANGE_NANOS} that is more than this many times its reference, or less than the
     * reference divided by it, has changed clearly, and becomes the reference. A process that uses half of a
     * processor's time doubles the duration of turns there. On a virtual machine, means of a second or two
     * sometimes differ by more than a third without any cause that can be seen.
     */
    private static final double CLEAR_CHANGE = 1.5;

    private static final double CHANGE_NANOS = 1e9;
    /** A duration is used for this long after its last turn, and for at least {@code MAX_AGE_ROUNDS}. */
    static final long MAX_AGE_NANOS = 10_000_000_000L;
    /**
     * The same for turns with prompt tokens. Requests that have started together have their prompts together: those of
     * 8 sequences of 1.07 billion parameters with 64 new tokens come every 9 s.
     */
    static final long MAX_AGE_OF_PROMPTS_NANOS = 6 * MAX_AGE_NANOS;

    private static final double MAX_AGE_ROUNDS = 32;
    /** The largest ratio of tokens over which a single duration is extrapolated. */
    private static final double MAX_EXTRAPOLATION = 1.6;
    /**
     * The same for prompt tokens, if the duration without them is known. In narrow groups, prompts of requests that
     * have started together soon come one by one.
     */
    private static final double MAX_EXTRAPOLATION_OF_PROMPTS = 4.5;

    /** The fewest recent durations that say what is usual. */
    private static final int FEW_DURATIONS = 3;

    private static final int EXACT_TOKENS = 16;
    private static final double DECODE_RATIO = 1.2;
    private static final double PROMPT_RATIO = 1.4;

    /** By kind of step, then by class of size. The index of a kind is 2 for prompt tokens, plus 1 for adapters. */
    private final List<NavigableMap<Integer, Size>> sizes =
            List.of(new TreeMap<>(), new TreeMap<>(), new TreeMap<>(), new TreeMap<>());

    /**
     * When a turn ended.
     *
     * @param nanos  in nanoseconds
     * @param rounds rounds until then; in a round each active group has a turn
     */
    record Moment(long nanos, double rounds) {}

    /** How turns differ from earlier ones of the same size. */
    enum Change {
        NONE,
        /** They take clearly less time. */
        FASTER,
        /** They take clearly more time. */
        SLOWER,
        /** Several in a row have taken many times as long. Only {@link RecentTurns} detects this. */
        COLLAPSE
    }

    /** Turns of similar size. */
    private static final class Size {
        private final boolean prompt;
        private final RecentDurations recent = new RecentDurations();
        private double meanTokens;
        private double meanNanos;
        private int turns;
        /** The mean over a longer time, and that time. */
        private double longNanos;

        private double longTime;
        /** What {@code longNanos} was; 0 before it covers its time. */
        private double reference;

        private Moment updated = new Moment(0, 0);

        private Size(boolean prompt) {
            this.prompt = prompt;
        }

        private boolean isUsable(Moment now) {
            return turns > 0 && isFresh(now);
        }

        private boolean isFresh(Moment now) {
            long maxAgeNanos = prompt ? MAX_AGE_OF_PROMPTS_NANOS : MAX_AGE_NANOS;
            return now.nanos - updated.nanos < maxAgeNanos || now.rounds - updated.rounds < MAX_AGE_ROUNDS;
        }

        /** Returns how the mean differs from its reference; {@code NONE} for turns with prompt tokens. */
        private Change add(int turnTokens, long turnNanos, Moment now) {
            if (!isFresh(now)) {
                forget();
                longTime = 0;
                reference = 0;
            }
            updated = now;
            recent.add(turnNanos);
            if (turns < MEAN_OF_TURNS) {
                turns++;
            }
            double counted = turns < MEAN_OF_TURNS ? turnNanos : Math.min(turnNanos, MAX_OF_MEAN * meanNanos);
            meanNanos += (counted - meanNanos) / turns;
            meanTokens += (turnTokens - meanTokens) / turns;
            if (prompt) {
                return Change.NONE;
            }
            longTime = Math.min(longTime + counted, Math.max(CHANGE_NANOS, MEAN_OF_TURNS * counted));
            longNanos += (counted - longNanos) * counted / longTime;
            if (longTime < CHANGE_NANOS || turns < MEAN_OF_TURNS) {
                return Change.NONE;
            }
            Change change = reference == 0 ? Change.NONE : change(longNanos / reference);
            if (change != Change.NONE) {
                forget();
            }
            if (change != Change.NONE || reference == 0) {
                reference = longNanos;
            }
            return change;
        }

        private static Change change(double ratio) {
            if (ratio > CLEAR_CHANGE) {
                return Change.SLOWER;
            }
            return ratio < 1 / CLEAR_CHANGE ? Change.FASTER : Change.NONE;
        }

        private void forget() {
            recent.clear();
            turns = 0;
        }
    }

    /** Forgets the durations of turns with prompt tokens. */
    void clearPrompts() {
        sizes.subList(2, 4).forEach(Map::clear);
    }

    /** Forgets the durations of turns without prompt tokens. */
    void clearOthers() {
        sizes.subList(0, 2).forEach(Map::clear);
    }

    /**
     * Adds the duration of a turn.
     *
     * @param now when the turn ended
     * @return how turns of this size have changed; {@code NONE} if they have prompt tokens
     */
    Change add(StepSize step, long nanos, Moment now) {
        return sizes.get(kind(step))
                .computeIfAbsent(sizeClass(step), size -> new Size(step.prompt()))
                .add(step.tokens(), nanos, now);
    }

    /** The median of recent turns of similar size in nanoseconds; empty if there are fewer than three. */
    OptionalDouble usual(StepSize step, Moment now) {
        Size size = sizes.get(kind(step)).get(sizeClass(step));
        return size != null && size.isUsable(now) && size.recent.size() >= FEW_DURATIONS
                ? OptionalDouble.of(size.recent.median())
                : OptionalDouble.empty();
    }

    /** The duration of a turn with this step in nanoseconds; empty if no similar one was measured recently. */
    OptionalDouble expected(StepSize step, Moment now) {
        NavigableMap<Integer, Size> known = sizes.get(kind(step));
        int size = sizeClass(step);
        Size exact = known.get(size);
        if (exact != null && exact.isUsable(now)) {
            return OptionalDouble.of(exact.recent.median());
        }
        Size below = usable(known.headMap(size, false).descendingMap(), now);
        Size above = usable(known.tailMap(size, false), now);
        if (below != null && above != null && above.meanTokens > below.meanTokens) {
            double part = (step.tokens() - below.meanTokens) / (above.meanTokens - below.meanTokens);
            return OptionalDouble.of(below.recent.median() + part * (above.recent.median() - below.recent.median()));
        }
        Size nearest = below != null ? below : above;
        if (nearest == null) {
            return OptionalDouble.empty();
        }
        double ratio = step.tokens() / nearest.meanTokens;
        if (ratio <= MAX_EXTRAPOLATION && ratio >= 1 / MAX_EXTRAPOLATION) {
            // a part of a step does not depend on the number of its tokens
            return OptionalDouble.of(nearest.recent.median() * (1 + (ratio - 1) / 2));
        }
        return step.prompt() ? extrapolated(step, nearest, now) : OptionalDouble.empty();
    }

    /** What a turn with prompt tokens takes if each of them adds as much to a turn without them as in {@code known}. */
    private OptionalDouble extrapolated(StepSize step, Size known, Moment now) {
        double ratio = (step.tokens() - step.rows()) / (known.meanTokens - step.rows());
        if (!(ratio <= MAX_EXTRAPOLATION_OF_PROMPTS && ratio >= 1 / MAX_EXTRAPOLATION_OF_PROMPTS)) {
            return OptionalDouble.empty();
        }
        double nanos = known.recent.median();
        // a turn without them may be newer, and longer if the host is slower now
        return expected(new StepSize(step.rows(), step.rows(), false, step.adapters()), now).stream()
                .filter(without -> without < nanos)
                .map(without -> without + ratio * (nanos - without))
                .findFirst();
    }

    private static Size usable(NavigableMap<Integer, Size> sizes, Moment now) {
        return sizes.values().stream()
                .filter(size -> size.isUsable(now))
                .findFirst()
                .orElse(null);
    }

    private static int kind(StepSize step) {
        return (step.prompt() ? 2 : 0) + (step.adapters() ? 1 : 0);
    }

    private static int sizeClass(StepSize step) {
        if (step.tokens() <= EXACT_TOKENS) {
            return step.tokens();
        }
        double ratio = step.prompt() ? PROMPT_RATIO : DECODE_RATIO;
        return EXACT_TOKENS + 1 + (int) (Math.log((double) step.tokens() / EXACT_TOKENS) / Math.log(ratio));
    }
}
