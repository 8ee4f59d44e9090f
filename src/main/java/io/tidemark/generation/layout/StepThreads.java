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
 * nothing, and is halved when the number of threads is used again after the other one: the host may have delayed some
 * steps in a row. The other number is also tried when steps take far longer than it has taken. Trials after a number of
 * steps cost at most one part in {@code MIN_TIME_TO_COST} of the time, except for the first one after a change.
 *
 * <p>A single step can take a hundred times as long as others because the host stops the machine. Medians are therefore
 * compared, and the cost of a trial counts only up to the cost of the trial before it.
 *
 * <p>Used by one thread.
 */
public final class StepThreads {

    private static final int MIN_STEPS_BETWEEN = 16;
    /** With all threads, a process that slows them is noticed without a trial. */
    private static final int MAX_STEPS_BETWEEN_WITH_ALL = 4096;

    private static final int MAX_STEPS_BETWEEN_WITH_HALF = 1024;
    /** A trial has at least this many counted steps, unless it is clearly lost before. */
    private static final int TRIAL_STEPS = 8;
    /**
     * Steps with all threads become faster for a while, see {@link WidthTrial#SETTLED_NANOS}. A trial of all threads
     * therefore continues until it has taken this time or has had {@code SETTLED_STEPS} steps. Its median is that of
     * the last steps.
     */
    private static final double SETTLED_NANOS = WidthTrial.SETTLED_NANOS;

    private static final int SETTLED_STEPS = 48;
    /**
     * A trial ends after this many counted steps if these take far longer than the part of the time that would change
     * the number.
     */
    private static final int FEW_STEPS = 2;
    /** Half of the threads of a large step must take less than this part of the time of all. */
    private static final double CLEARLY_FASTER = 0.7;
    /**
     * All threads of a small step must take less than this part of the time of half. A median does not contain the
     * delays of single threads, see {@link WidthTrial#DELAYS_OF_WIDE}. In a worker with one sequence of SmolLM2-135M
     * and an adapter, steps with two threads have about the same median as those with one, and the worker generates 11%
     * fewer tokens per second.
     */
    private static final double FASTER = 0.93;
    /** One of the first steps of a trial ends it if it takes this many times as long as others. */
    private static final double FAR_SLOWER = 2;
    /** After a trial, none follows while steps take this many times the smaller cost of it and the one before. */
    private static final double MIN_TIME_TO_COST = 150;
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

    /** The steps with one of the two numbers of threads. */
    private static final class Steps {
        private final RecentDurations recent = new RecentDurations();
        private final int maxBetween;
        /** Steps until the next trial of the other number; 0 before this one was used. */
        private int between;

        private Steps(int maxBetween) {
            this.maxBetween = maxBetween;
        }

        private void use() {
            between = Math.max(between / 2, MIN_STEPS_BETWEEN);
        }

        private void otherIsLost() {
            between = Math.min(2 * between, maxBetween);
        }
    }

    /** The two numbers of threads of steps of similar size. */
    private static final class Timings {
        private final boolean large;
        private final Steps all = new Steps(MAX_STEPS_BETWEEN_WITH_ALL);
        private final Steps half = new Steps(MAX_STEPS_BETWEEN_WITH_HALF);
        private boolean useHalf;
        private int stepsLeft;
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
            use(!large);
        }

        /** Whether the next step uses half of the threads. */
        private boolean nextUsesHalf() {
            return useHalf != inTrial;
        }

        private void record(boolean usedHalf, long nanos) {
            if (usedHalf == useHalf) {
                present().recent.add(nanos);
                stepsLeft--;
                debtNanos -= Math.min(debtNanos, nanos);
                boolean isDue = stepsLeft <= 0 && debtNanos <= 0;
                if (present().recent.isFull() && (isDue || isFarSlower())) {
                    beginTrial();
                }
            } else if (inTrial) {
                trial(nanos);
            }
        }

        private Steps present() {
            return useHalf ? half : all;
        }

        private Steps other() {
            return useHalf ? all : half;
        }

        private boolean isFarSlower() {
            return !other().recent.isEmpty()
                    && present().recent.median() > other().recent.median() / CLEARLY_FASTER;
        }

        private void beginTrial() {
            inTrial = true;
            trialSteps = 0;
            trialNanos = 0;
            costBeforeNanos = costNanos;
            costNanos = 0;
            other().recent.clear();
        }

        private void trial(long nanos) {
            RecentDurations tried = other().recent;
            double presentNanos = present().recent.median();
            trialNanos += nanos;
            costNanos += Math.max(0, nanos - presentNanos);
            // later, a single long step may be a delay by the host
            boolean farSlower = trialSteps < TRIAL_STEPS && nanos > FAR_SLOWER * presentNanos;
            // the first step wakes the threads
            if (trialSteps++ > 0 || farSlower) {
                tried.add(nanos);
            }
            boolean slower = tried.size() >= FEW_STEPS && tried.median() > limit() * presentNanos / CLEARLY_FASTER;
            boolean isSettled = !useHalf || trialNanos >= SETTLED_NANOS || trialSteps >= SETTLED_STEPS;
            if (farSlower || slower || isSettled && trialSteps > TRIAL_STEPS) {
                inTrial = false;
                debtNanos = Math.min(MIN_TIME_TO_COST * Math.min(costNanos, costBeforeNanos), MAX_DEBT_NANOS);
                if (!farSlower && tried.median() < limit() * presentNanos) {
                    use(!useHalf);
                } else {
                    present().otherIsLost();
                    stepsLeft = present().between;
                }
            }
        }

        /** The other number is used if it takes less than this part of the time of the present one. */
        private double limit() {
            if (large) {
                return useHalf ? 1 : CLEARLY_FASTER;
            }
            return useHalf ? FASTER : 1;
        }

        private void use(boolean isHalf) {
            useHalf = isHalf;
            present().use();
            stepsLeft = present().between;
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
