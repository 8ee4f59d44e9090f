package io.tidemark.generation;

import java.util.HashMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.OptionalDouble;
import java.util.TreeMap;

/**
 * Mean durations of recent turns by the size of their step, for groups of one width. Steps with and without prompt
 * tokens, and with and without adapters, are separate. Up to 16 tokens each number has its own mean; larger ones share
 * it with numbers that are up to a tenth apart, and up to a third in steps with prompt tokens.
 */
final class TurnDurations {

    /** The weight of a turn in a mean is one divided by this. */
    private static final int MEAN_OF_TURNS = 8;
    /** A longer turn counts as this many times the mean, so that one delay does not look like a change. */
    private static final double MAX_OF_MEAN = 2;
    /** A mean that differs by this part from its first value has changed clearly, and restarts. */
    private static final double CLEAR_CHANGE = 0.2;
    /** A mean is used for this long after its last turn. */
    private static final long MAX_AGE_NANOS = 10_000_000_000L;
    /** The largest ratio of tokens over which a single mean is extrapolated. */
    private static final double MAX_EXTRAPOLATION = 1.6;

    private static final int EXACT_TOKENS = 16;
    private static final double DECODE_RATIO = 1.2;
    private static final double PROMPT_RATIO = 1.4;

    private final Map<Kind, NavigableMap<Integer, Mean>> means = new HashMap<>();

    private record Kind(boolean prompt, boolean adapters) {}

    private static final class Mean {
        private double tokens;
        private double nanos;
        private int turns;
        private double first;
        private long updatedNanos;

        private boolean isFresh(long now) {
            return now - updatedNanos < MAX_AGE_NANOS;
        }

        /** Returns whether the mean has clearly changed since its first value. */
        private boolean add(int turnTokens, long turnNanos, long now) {
            if (!isFresh(now)) {
                turns = 0;
            }
            updatedNanos = now;
            if (turns < MEAN_OF_TURNS) {
                turns++;
            }
            double counted = turns < MEAN_OF_TURNS ? turnNanos : Math.min(turnNanos, MAX_OF_MEAN * nanos);
            nanos += (counted - nanos) / turns;
            tokens += (turnTokens - tokens) / turns;
            if (turns < MEAN_OF_TURNS) {
                first = nanos;
                return false;
            }
            boolean changed = Math.abs(nanos / first - 1) > CLEAR_CHANGE;
            if (changed) {
                turns = 0;
            }
            return changed;
        }
    }

    /** Forgets all durations, because turns of other widths have run meanwhile. */
    void restart() {
        means.clear();
    }

    /**
     * Adds the duration of a turn.
     *
     * @param now when the turn ended, in nanoseconds
     * @return whether turns of this size, without prompt tokens, take a clearly different time than before
     */
    boolean add(StepSize step, long nanos, long now) {
        boolean changed = means.computeIfAbsent(new Kind(step.prompt(), step.adapters()), kind -> new TreeMap<>())
                .computeIfAbsent(sizeClass(step), size -> new Mean())
                .add(step.tokens(), nanos, now);
        return changed && !step.prompt();
    }

    /** The duration of a turn with this step in nanoseconds; empty if no similar one was measured recently. */
    OptionalDouble expected(StepSize step, long now) {
        NavigableMap<Integer, Mean> known = means.get(new Kind(step.prompt(), step.adapters()));
        if (known == null) {
            return OptionalDouble.empty();
        }
        int size = sizeClass(step);
        Mean exact = known.get(size);
        if (exact != null && exact.isFresh(now)) {
            return OptionalDouble.of(exact.nanos);
        }
        Mean below = fresh(known.headMap(size, false).descendingMap(), now);
        Mean above = fresh(known.tailMap(size, false), now);
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

    private static Mean fresh(NavigableMap<Integer, Mean> means, long now) {
        return means.values().stream().filter(mean -> mean.isFresh(now)).findFirst().orElse(null);
    }

    private static int sizeClass(StepSize step) {
        if (step.tokens() <= EXACT_TOKENS) {
            return step.tokens();
        }
        double ratio = step.prompt() ? PROMPT_RATIO : DECODE_RATIO;
        return EXACT_TOKENS + 1 + (int) (Math.log((double) step.tokens() / EXACT_TOKENS) / Math.log(ratio));
    }
}
