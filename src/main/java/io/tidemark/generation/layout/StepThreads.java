package io.tidemark.generation.layout;

import java.util.HashMap;
import java.util.Map;
import java.util.function.IntFunction;

/**
 * Selects the number of threads for each step with rows of one engine instance. A large step uses all threads of its
 * group or half of them; a small one the instance's threads, or twice as many if the group has them.
 *
 * <p>The threads of a step synchronize several hundred times. When another process uses one of their processors, each
 * synchronization waits for the delayed thread, and half as many threads are much faster. Steps of similar size are
 * therefore timed with both numbers. A large step has all threads until half of them take less than
 * {@code CLEARLY_FASTER} of the time. A small one has half of them until all take less than {@code FASTER} of it.
 *
 * <p>The other number is tried after {@code MIN_STEPS_BETWEEN} steps. This number doubles with each trial that changes
 * nothing. It is also tried when steps take far longer than the other number has taken. Trials after a number of steps
 * cost at most one part in {@code MIN_TIME_TO_COST} of the time, except for the first one after a change.
 *
 * <p>A single step can take a hundred times as long as others because the host stops the machine. Such a step counts as
 * {@code MAX_OF_MEAN} times the mean, and the cost of a trial counts only up to the cost of the trial before it.
 *
 * <p>Used by one thread.
 */
public final class StepThreads {

    private static final int MIN_STEPS_BETWEEN = 16;
    private static final int MAX_STEPS_BETWEEN = 1024;
    /** A trial has at least this many counted steps, unless it is clearly lost before. */
    private static final int TRIAL_STEPS = 8;
    /**
     * Steps with all threads become faster for a while, see {@link WidthTrial#SETTLED_NANOS}. A trial of all threads
     * therefore continues until it has taken this time or has had {@code SETTLED_STEPS} steps. Its mean is that of the
     * last steps.
     */
    private static final double SETTLED_NANOS = WidthTrial.SETTLED_NANOS;

    private static final int SETTLED_STEPS = 48;
    /**
     * A trial ends after this many counted steps if these take far longer than the part of the time that would change
     * the number.
     */
    private static final int FEW_STEPS = 2;
    /** The weight of a step in a mean is one divided by this. */
    private static final int MEAN_OF_STEPS = 8;
    /** Half of the threads of a large step must take less than this part of the time of all. */
    private static final double CLEARLY_FASTER = 0.7;
    /** All threads of a small step must take less than this part of the time of half. */
    private static final double FASTER = 0.96;
    /** One of the first steps of a trial ends it if it takes this many times as long as others. */
    private static final double FAR_SLOWER = 2;
    /** A step counts at most as this many times the mean of the steps before it. */
    private static final double MAX_OF_MEAN = 3;
    /** After a trial, none follows while steps take this many times the smaller cost of it and the one before. */
    private static final double MIN_TIME_TO_COST = 50;
    /** The most time of steps without a trial because of its cost: a process that was stopped has no true cost. */
    private static final double MAX_DEBT_NANOS = 300e9;

    private final EngineLayout layout;
    private final Map<Size, Timings> bySize = new HashMap<>();

    /**
     * Steps of similar size.
     *
     * @param max        the larger number of threads
     * @param log2Tokens logarithm of the tokens to base 2, rounded down
     */
    private record Size(int max, int log2Tokens) {}

    /** Mean duration of recent steps in nanoseconds. */
    private static final class Mean {
        private double nanos;
        private int steps;

        private void add(double stepNanos) {
            double counted = steps == 0 ? stepNanos : Math.min(stepNanos, MAX_OF_MEAN * nanos);
            steps = Math.min(steps + 1, MEAN_OF_STEPS);
            nanos += (counted - nanos) / steps;
        }
    }

    /** The two numbers of threads of steps of similar size. */
    private static final class Timings {
        private final boolean large;
        private boolean useHalf;
        /** Of the number in use. */
        private Mean present = new Mean();
        /** Of the other number, in its last trial. */
        private Mean other = new Mean();

        private int stepsLeft = MIN_STEPS_BETWEEN;
        private int stepsBetween = MIN_STEPS_BETWEEN;
        /** The time that steps take until the cost of trials is a small part of it. */
        private double debtNanos;
        /** What the last trial has cost, and the one before it since the last change. */
        private double costNanos;

        private double costBeforeNanos;

        private boolean inTrial;
        private int trialSteps;
        private double trialNanos;

        private Timings(boolean large) {
            this.large = large;
            this.useHalf = !large;
        }

        /** Whether the next step uses half of the threads. */
        private boolean nextUsesHalf() {
            return useHalf != inTrial;
        }

        private void record(boolean usedHalf, double nanos) {
            if (usedHalf == useHalf) {
                present.add(nanos);
                stepsLeft--;
                debtNanos -= Math.min(debtNanos, nanos);
                boolean farSlower = other.steps > 0 && present.nanos > other.nanos / CLEARLY_FASTER;
                if (present.steps == MEAN_OF_STEPS && (farSlower || stepsLeft <= 0 && debtNanos <= 0)) {
                    inTrial = true;
                    trialSteps = 0;
                    trialNanos = 0;
                    costBeforeNanos = costNanos;
                    costNanos = 0;
                    other = new Mean();
                }
            } else if (inTrial) {
                trial(nanos);
            }
        }

        private void trial(double nanos) {
            trialNanos += nanos;
            costNanos += Math.max(0, nanos - present.nanos);
            // later, a single long step may be a delay by the host: the mean limits it
            boolean farSlower = trialSteps < TRIAL_STEPS && nanos > FAR_SLOWER * present.nanos;
            // the first step wakes the threads
            if (trialSteps++ > 0 || farSlower) {
                other.add(nanos);
            }
            boolean slower = other.steps >= FEW_STEPS && other.nanos > limit() * present.nanos / CLEARLY_FASTER;
            boolean isSettled = !useHalf || trialNanos >= SETTLED_NANOS || trialSteps >= SETTLED_STEPS;
            if (farSlower || slower || isSettled && trialSteps > TRIAL_STEPS) {
                inTrial = false;
                debtNanos = Math.min(MIN_TIME_TO_COST * Math.min(costNanos, costBeforeNanos), MAX_DEBT_NANOS);
                if (!farSlower && other.nanos < limit() * present.nanos) {
                    change();
                } else {
                    stepsBetween = Math.min(2 * stepsBetween, MAX_STEPS_BETWEEN);
                }
                stepsLeft = stepsBetween;
            }
        }

        /** The other number is used if it takes less than this part of the time of the present one. */
        private double limit() {
            if (large) {
                return useHalf ? 1 : CLEARLY_FASTER;
            }
            return useHalf ? FASTER : 1;
        }

        private void change() {
            useHalf = !useHalf;
            Mean before = present;
            present = other;
            other = before;
            stepsBetween = MIN_STEPS_BETWEEN;
            costNanos = 0;
            debtNanos = 0;
        }
    }

    public StepThreads(EngineLayout layout) {
        this.layout = layout;
    }

    /**
     * Runs a step and records its duration.
     *
     * @param tokens     number of tokens of the step
     * @param processors maximum number of threads, those of the whole group
     * @param step       takes the number of threads
     */
    public <T> T run(int tokens, int processors, IntFunction<T> step) {
        int threads = threadsFor(tokens, processors);
        long start = System.nanoTime();
        T result = step.apply(threads);
        record(threads, tokens, processors, System.nanoTime() - start);
        return result;
    }

    /** The number of threads for the next step of this number of tokens. */
    int threadsFor(int tokens, int processors) {
        int max = max(tokens, processors);
        return hasChoice(tokens, max) && timings(tokens, max).nextUsesHalf() ? max / 2 : max;
    }

    /** Records the duration of a step. */
    void record(int threads, int tokens, int processors, long nanos) {
        int max = max(tokens, processors);
        if (hasChoice(tokens, max) && (threads == max || threads == max / 2)) {
            timings(tokens, max).record(threads < max, nanos);
        }
    }

    private boolean isLarge(int tokens) {
        return tokens >= layout.minTokensForMaxThreads();
    }

    private int max(int tokens, int processors) {
        int share = layout.threads();
        if (isLarge(tokens)) {
            return processors;
        }
        return layout.fixed() || processors < 2 * share ? Math.min(processors, share) : 2 * share;
    }

    private boolean hasChoice(int tokens, int max) {
        return !layout.fixed() && max > 1 && (isLarge(tokens) || max > layout.threads());
    }

    private Timings timings(int tokens, int max) {
        int log2Tokens = Integer.SIZE - 1 - Integer.numberOfLeadingZeros(Math.max(1, tokens));
        return bySize.computeIfAbsent(new Size(max, log2Tokens), size -> new Timings(isLarge(tokens)));
    }
}
