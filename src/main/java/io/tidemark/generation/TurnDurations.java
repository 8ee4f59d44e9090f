package io.tidemark.generation;

import java.util.HashMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.OptionalDouble;
import java.util.TreeMap;

/**
 * Mean durations of recent turns by the size of their step, for groups of one width. Steps with and without prompt
 * tokens, and with and without adapters, are separate. Up to 16 tokens each number has its own mean; of larger ones,
 * those in a range of a factor of {@code DECODE_RATIO} share one, or of {@code PROMPT_RATIO} in steps with prompt
 * tokens.
 */
final class TurnDurations {

    /** The weight of a turn in a mean is one divided by this. */
    private static final int MEAN_OF_TURNS = 8;
    /** A longer turn counts as this many times the mean, so that one delay does not look like a change. */
    private static final double MAX_OF_MEAN = 2;
    /**
     * A mean over about {@code CHANGE_NANOS} that is more than this many times its reference, or less than the
     * reference divided by it, has changed clearly, and becomes the reference. A process that uses half of a
     * processor's time doubles the duration of turns there. Shorter means differ as much on a virtual machine without
     * any cause that can be seen.
     */
    private static final double CLEAR_CHANGE = 1.35;

    private static final double CHANGE_NANOS = 1e9;
    /** A mean is used for this long after its last turn, and for at least {@code MAX_AGE_ROUNDS}. */
    static final long MAX_AGE_NANOS = 10_000_000_000L;

    private static final double MAX_AGE_ROUNDS = 32;
    /** The largest ratio of tokens over which a single mean is extrapolated. */
    private static final double MAX_EXTRAPOLATION = 1.6;

    private static final int EXACT_TOKENS = 16;
    private static final double DECODE_RATIO = 1.2;
    private static final double PROMPT_RATIO = 1.4;

    private final Map<Kind, NavigableMap<Integer, Mean>> means = new HashMap<>();

    /**
     * When a turn ended.
     *
     * @param nanos  in nanoseconds
     * @param rounds rounds until then; in a round each active group has a turn
     */
    record Moment(long nanos, double rounds) {}

    private record Kind(boolean prompt, boolean adapters) {}

    private static final class Mean {
        private double tokens;
        private double nanos;
        private int turns;
        /** The mean over a longer time, and that time. */
        private double longNanos;

        private double longTime;
        /** What {@code longNanos} was; 0 before it covers its time. */
        private double reference;

        private Moment updated = new Moment(0, 0);

        private boolean isUsable(Moment now) {
            return turns > 0 && isFresh(now);
        }

        private boolean isFresh(Moment now) {
            return now.nanos - updated.nanos < MAX_AGE_NANOS || now.rounds - updated.rounds < MAX_AGE_ROUNDS;
        }

        /** Returns whether the mean differs clearly from its reference. */
        private boolean add(int turnTokens, long turnNanos, Moment now) {
            if (!isFresh(now)) {
                turns = 0;
                longTime = 0;
                reference = 0;
            }
            updated = now;
            if (turns < MEAN_OF_TURNS) {
                turns++;
            }
            double counted = turns < MEAN_OF_TURNS ? turnNanos : Math.min(turnNanos, MAX_OF_MEAN * nanos);
            nanos += (counted - nanos) / turns;
            tokens += (turnTokens - tokens) / turns;
            longTime = Math.min(longTime + counted, Math.max(CHANGE_NANOS, MEAN_OF_TURNS * counted));
            longNanos += (counted - longNanos) * counted / longTime;
            if (longTime < CHANGE_NANOS || turns < MEAN_OF_TURNS) {
                return false;
            }
            boolean changed =
                    reference > 0 && (longNanos > CLEAR_CHANGE * reference || longNanos * CLEAR_CHANGE < reference);
            if (changed) {
                turns = 0;
            }
            if (changed || reference == 0) {
                reference = longNanos;
            }
            return changed;
        }
    }

    /** Forgets all durations. */
    void clear() {
        means.clear();
    }

    /**
     * Adds the duration of a turn.
     *
     * @param now when the turn ended
     * @return whether turns of this size, without prompt tokens, take a clearly different time than before
     */
    boolean add(StepSize step, long nanos, Moment now) {
        boolean changed = means.computeIfAbsent(new Kind(step.prompt(), step.adapters()), kind -> new TreeMap<>())
                .computeIfAbsent(sizeClass(step), size -> new Mean())
                .add(step.tokens(), nanos, now);
        return changed && !step.prompt();
    }

    /** The duration of a turn with this step in nanoseconds; empty if no similar one was measured recently. */
    OptionalDouble expected(StepSize step, Moment now) {
        NavigableMap<Integer, Mean> known = means.get(new Kind(step.prompt(), step.adapters()));
        if (known == null) {
            return OptionalDouble.empty();
        }
        int size = sizeClass(step);
        Mean exact = known.get(size);
        if (exact != null && exact.isUsable(now)) {
            return OptionalDouble.of(exact.nanos);
        }
        Mean below = usable(known.headMap(size, false).descendingMap(), now);
        Mean above = usable(known.tailMap(size, false), now);
        if (below != null && above != null && above.tokens > below.tokens) {
            double part = (step.tokens() - below.tokens) / (above.tokens - below.tokens);
            return OptionalDouble.of(below.nanos + part * (above.nanos - below.nanos));
        }
        Mean nearest = below != null ? below : above;
        if (nearest == null) {
            return OptionalDouble.empty();
        }
        double ratio = step.tokens() / nearest.tokens;
        // a part of a step does not depend on the number of its tokens
        return ratio > MAX_EXTRAPOLATION || ratio < 1 / MAX_EXTRAPOLATION
                ? OptionalDouble.empty()
                : OptionalDouble.of(nearest.nanos * (1 + (ratio - 1) / 2));
    }

    private static Mean usable(NavigableMap<Integer, Mean> means, Moment now) {
        return means.values().stream()
                .filter(mean -> mean.isUsable(now))
                .findFirst()
                .orElse(null);
    }

    private static int sizeClass(StepSize step) {
        if (step.tokens() <= EXACT_TOKENS) {
            return step.tokens();
        }
        double ratio = step.prompt() ? PROMPT_RATIO : DECODE_RATIO;
        return EXACT_TOKENS + 1 + (int) (Math.log((double) step.tokens() / EXACT_TOKENS) / Math.log(ratio));
    }
}
