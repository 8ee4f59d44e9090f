package io.tidemark.generation.layout;

import io.tidemark.decoder.ThreadLimit;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Selects the number of threads for each step with rows of one engine instance. A large step uses all threads of its
 * group or half of them; a small one the instance's threads, or twice as many if the group has them. Steps with more
 * threads than those of one instance, also joint ones, are limited by {@link StepLimits}.
 *
 * <p>The threads of a step synchronize several hundred times. When another process uses one of their processors, each
 * synchronization waits for the delayed thread, and half as many threads are much faster. Steps of similar size are
 * therefore timed with both numbers of threads, and their medians are compared: a single step can take a hundred times
 * as long as others because the host stops the machine. A large step has all threads until half of them take less than
 * {@code CLEARLY_FASTER} of the time. A small one has half of them until all take less than {@code FASTER} of it, and
 * then all until half take less than {@code NOT_SLOWER} times as long.
 *
 * <p>The other number of threads is tried after an interval of {@code FIRST_INTERVAL} steps. Each lost trial doubles
 * the interval, which takes at most {@code MAX_INTERVAL_NANOS}. If the first trial after a change goes back, the
 * interval is half of what it was before the change: probably the host has only delayed a few steps in a row. From the
 * second trial after a change on, the next one also waits until steps have taken {@code MIN_TIME_TO_COST} times what
 * the cheaper of the last two trials has cost, or fewer if it has ended at once. A trial begins at once when steps take
 * far longer than those of the last trial of the other number.
 *
 * <p>Two steps in a row with all threads that exceed their limits end their trial, or make half of the threads the
 * number in use. A trial also ends if each of its first two steps takes {@code FAR_SLOWER} times as long as steps with
 * the number in use.
 *
 * <p>Used by one thread.
 */
public final class StepThreads {

    private static final int FIRST_INTERVAL = 16;
    /** A process that makes all threads far slower starts a trial at once, so regular trials can be rare. */
    private static final int MAX_INTERVAL_WITH_ALL = 2048;

    private static final int MAX_INTERVAL_WITH_HALF = 1024;
    /**
     * The most time of steps between two trials, unless their cost requires more. On a shared host, the faster number
     * of threads changes within tens of seconds: one row of SmolLM2-135M takes 0.8 to 0.97 times as long with two
     * threads as with one, and later 1.3 times as long.
     */
    private static final double MAX_INTERVAL_NANOS = 5e9;
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
     * From this many counted steps on, a trial ends when its median is more than {@code 1 / CLEARLY_FASTER} times the
     * time at which the number of threads would change.
     */
    private static final int FEW_STEPS = 2;
    /**
     * Steps with all threads become faster by less than {@code SETTLED_LOSS} after this time. From then on, a trial of
     * either number with {@code NEARLY_SETTLED_STEPS} counted steps ends when its median is more than
     * {@code 1 + SETTLED_LOSS} times the time at which the number of threads would change.
     */
    private static final double NEARLY_SETTLED_NANOS = WidthTrial.NEARLY_SETTLED_NANOS;

    private static final int NEARLY_SETTLED_STEPS = 4;
    private static final double SETTLED_LOSS = 0.1;
    /** Half of the threads of a large step must take less than this part of the time of all. */
    private static final double CLEARLY_FASTER = 0.7;
    /**
     * Half of the threads of a small step must take less than this many times the time of all. A median hides
     * occasional delays of single threads, see {@link WidthTrial#EXPECTED_DELAYS}. SmolLM2-135M with one sequence and
     * an adapter has about the same median with one thread and two, but generates 2 and 11% fewer tokens per second
     * (two runs) in a fixed layout of two threads than in the default layout, which mostly uses one.
     */
    private static final double NOT_SLOWER = 1 + WidthTrial.EXPECTED_DELAYS;
    /** All threads of a small step must take less than this part of the time of half. */
    private static final double FASTER = 1 / (NOT_SLOWER * (1 + WidthTrial.MIN_GAIN));
    /** A step is far slower if it takes this many times as long as with the other number of threads. */
    private static final double FAR_SLOWER = 2;
    /**
     * Far slower steps end a trial only if there are this many in a row. The first step with all threads wakes them,
     * and on a virtual machine an idle processor may start late: in 5 of 10 trials of SmolLM2-135M with one row, the
     * first step with two threads took more than twice as long as steps with one.
     */
    private static final int FAR_STEPS = 2;
    /** After a trial, no regular one follows until steps have taken this many times the cost. */
    private static final double MIN_TIME_TO_COST = TrialSchedule.MIN_TIME_TO_COST;
    /** The same if its first steps have ended a trial of all threads: the process that delays them may end soon. */
    private static final double MIN_TIME_TO_COST_WHERE_FAR = 36;
    /** The most that steps have to take: if the process was stopped in two trials, their cost means nothing. */
    private static final double MAX_DEBT_NANOS = TrialSchedule.MAX_PAUSE_NANOS;

    private final EngineLayout layout;
    private final StepLimits limits;
    private final Map<Size, Timings> bySize = new HashMap<>();

    /**
     * A step.
     *
     * @param <T> its result
     */
    @FunctionalInterface
    public interface LimitedStep<T> {

        /** Runs it with this number of threads, or with fewer after the limit. */
        T run(int threads, Optional<ThreadLimit> limit);
    }

    /**
     * A step that has run.
     *
     * @param nanos    its duration
     * @param exceeded whether it has exceeded its limit
     */
    public record TimedStep<T>(T result, long nanos, boolean exceeded) {}

    /**
     * Steps of similar size.
     *
     * @param max        the larger number of threads
     * @param log2Tokens logarithm of the tokens to base 2, rounded down
     */
    private record Size(int max, int log2Tokens) {}

    /** One of the two numbers of threads of steps of similar size. */
    private static final class ThreadCount {
        private final int maxInterval;
        /** Steps with this number of threads between two trials of the other one. */
        private int interval = FIRST_INTERVAL;
        /** What the interval was when the other number became the better one. */
        private int intervalBefore = FIRST_INTERVAL;
        /** Of the last steps with this number of threads. */
        private RecentDurations recent = new RecentDurations();

        private ThreadCount(int maxInterval) {
            this.maxInterval = maxInterval;
        }
    }

    /** The steps of a trial. */
    private static final class Trial {
        private final double presentNanos;
        private final boolean isUrgent;
        private final RecentDurations counted = new RecentDurations();
        private int steps;
        private double nanos;
        private double costNanos;
        /**
         * The number of last steps in a row that exceeded their limits. At the start of the trial, steps that took far
         * longer count, too.
         */
        private int farSteps;

        /**
         * @param presentNanos what steps with the present number of threads take
         * @param isUrgent     whether the trial begins because they take far longer than before
         */
        private Trial(double presentNanos, boolean isUrgent) {
            this.presentNanos = presentNanos;
            this.isUrgent = isUrgent;
        }

        private void add(long stepNanos, boolean exceeded) {
            steps++;
            // the threads settle while they compute, not while the host stops them
            nanos += Math.min(stepNanos, FAR_SLOWER * presentNanos);
            costNanos += Math.max(0, stepNanos - presentNanos);
            boolean isFar = exceeded || farSteps == steps - 1 && stepNanos > FAR_SLOWER * presentNanos;
            farSteps = isFar ? farSteps + 1 : 0;
            if (isHopeless()) {
                counted.clear();
                counted.add((long) (FAR_SLOWER * presentNanos));
            } else if (steps > 1) {
                counted.add(stepNanos);
            }
        }

        private boolean isHopeless() {
            return farSteps == FAR_STEPS;
        }

        /** Whether the median is less than this part of the present time. */
        private boolean isWon(double limit) {
            return counted.median() < limit * presentNanos;
        }

        private boolean isClearlyLost(double limit) {
            if (isHopeless()) {
                return true;
            }
            boolean isNearlySettled = nanos >= NEARLY_SETTLED_NANOS && counted.size() >= NEARLY_SETTLED_STEPS;
            double factor = isNearlySettled ? 1 + SETTLED_LOSS : 1 / CLEARLY_FASTER;
            return counted.size() >= FEW_STEPS && counted.median() > limit * factor * presentNanos;
        }
    }

    /** The two numbers of threads of steps of similar size. */
    private static final class Timings {
        private final boolean large;
        private final ThreadCount all = new ThreadCount(MAX_INTERVAL_WITH_ALL);
        private final ThreadCount half = new ThreadCount(MAX_INTERVAL_WITH_HALF);
        private boolean useHalf;
        /** Steps until the next trial. */
        private int stepsLeft = FIRST_INTERVAL;
        /** The time of steps after which it follows earlier. */
        private double nanosLeft = MAX_INTERVAL_NANOS;
        /** Whether a trial was lost since the last change. */
        private boolean isConfirmed;
        /** The time that steps take until the cost of trials is a small part of it. */
        private double debtNanos;
        /** What the last trial has cost since the last change; 0 if there was none. */
        private double costNanos;
        /**
         * Steps with all threads, outside trials, that exceeded their limits. It is 0 again after a step that is not
         * far slower than with half of the threads, and after a trial.
         */
        private int exceededSteps;

        private Optional<Trial> trial = Optional.empty();

        private Timings(boolean large) {
            this.large = large;
            this.useHalf = !large;
        }

        /** Whether the next step uses half of the threads. */
        private boolean nextUsesHalf() {
            return useHalf != trial.isPresent();
        }

        private void record(boolean usedHalf, long nanos, boolean exceeded) {
            if (!useHalf && !usedHalf) {
                if (exceeded) {
                    exceededSteps++;
                } else if (!isFarSlowerThanHalf(nanos)) {
                    exceededSteps = 0;
                }
            }
            if (exceededSteps == FAR_STEPS) {
                // the limit is twice what the threads of one instance need
                all.recent.clear();
                all.recent.add(nanos);
                trial = Optional.empty();
                change();
            } else if (usedHalf == useHalf) {
                present().recent.add(nanos);
                stepsLeft--;
                nanosLeft -= nanos;
                debtNanos -= Math.min(debtNanos, nanos);
                boolean isDue = (stepsLeft <= 0 || nanosLeft <= 0) && debtNanos <= 0;
                boolean isUrgent = isOtherProbablyFaster();
                if (present().recent.isFull() && (isDue || isUrgent)) {
                    trial = Optional.of(new Trial(present().recent.median(), isUrgent));
                }
            } else {
                trial.ifPresent(running -> {
                    running.add(nanos, exceeded);
                    endTrial(running);
                });
            }
        }

        private boolean isFarSlowerThanHalf(long nanos) {
            return !half.recent.isEmpty() && nanos > FAR_SLOWER * half.recent.median();
        }

        private ThreadCount present() {
            return useHalf ? half : all;
        }

        private ThreadCount other() {
            return useHalf ? all : half;
        }

        private boolean isOtherProbablyFaster() {
            return !other().recent.isEmpty()
                    && present().recent.median() > other().recent.median() / CLEARLY_FASTER;
        }

        /** Ends the trial if it has had enough steps. */
        private void endTrial(Trial running) {
            boolean isSettled = !useHalf || running.nanos >= SETTLED_NANOS || running.steps >= SETTLED_STEPS;
            boolean isComplete = isSettled && running.steps > TRIAL_STEPS;
            if (!isComplete && !running.isClearlyLost(limit())) {
                return;
            }
            trial = Optional.empty();
            other().recent = running.counted;
            if (running.isWon(limit())) {
                change();
            } else {
                lose(running);
            }
        }

        /** The other number of threads is used if it takes less than this part of the time of the present one. */
        private double limit() {
            if (large) {
                return useHalf ? 1 : CLEARLY_FASTER;
            }
            return useHalf ? FASTER : NOT_SLOWER;
        }

        private void change() {
            present().intervalBefore = present().interval;
            useHalf = !useHalf;
            present().interval = isConfirmed ? FIRST_INTERVAL : Math.max(FIRST_INTERVAL, present().intervalBefore / 2);
            waitFor(present().interval);
            isConfirmed = false;
            exceededSteps = 0;
            debtNanos = 0;
            costNanos = 0;
        }

        private void lose(Trial lost) {
            isConfirmed = true;
            exceededSteps = 0;
            boolean mayEndSoon = lost.isHopeless() && (useHalf || lost.isUrgent);
            double ratio = mayEndSoon ? MIN_TIME_TO_COST_WHERE_FAR : MIN_TIME_TO_COST;
            debtNanos = Math.min(ratio * Math.min(costNanos, lost.costNanos), MAX_DEBT_NANOS);
            costNanos = lost.costNanos;
            if (lost.isUrgent && lost.isHopeless()) {
                // the host may have delayed its few steps
                waitFor(FIRST_INTERVAL);
            } else {
                present().interval = Math.min(2 * present().interval, present().maxInterval);
                waitFor(present().interval);
            }
        }

        private void waitFor(int steps) {
            stepsLeft = steps;
            nanosLeft = MAX_INTERVAL_NANOS;
        }
    }

    public StepThreads(EngineLayout layout) {
        this.layout = layout;
        this.limits = new StepLimits(layout);
    }

    /**
     * Runs a step with rows of one instance.
     *
     * @param processors maximum number of threads, those of the whole group
     */
    public <T> TimedStep<T> run(StepCost cost, int processors, LimitedStep<T> step) {
        int threads = threadsFor(cost.tokens(), processors);
        TimedStep<T> timed = run(cost, step, threads);
        record(threads, cost.tokens(), processors, timed.nanos(), timed.exceeded());
        return timed;
    }

    /**
     * Runs a step with rows of several instances.
     *
     * @param threads those of the whole group
     */
    public <T> TimedStep<T> runJoint(StepCost cost, int threads, LimitedStep<T> step) {
        return run(cost, step, threads);
    }

    private <T> TimedStep<T> run(StepCost cost, LimitedStep<T> step, int threads) {
        long start = System.nanoTime();
        Optional<ThreadLimit> limit = limits.of(cost, threads, start);
        T result = step.run(threads, limit);
        long end = System.nanoTime();
        limits.stepEnds(cost, threads, limit, end - start, end);
        return new TimedStep<>(
                result, end - start, limit.filter(ThreadLimit::isExceeded).isPresent());
    }

    /** The number of threads for the next step of this number of tokens. */
    int threadsFor(int tokens, int processors) {
        int max = max(tokens, processors);
        return hasChoice(tokens, max) && timings(tokens, max).nextUsesHalf() ? max / 2 : max;
    }

    /**
     * Records the duration of a step.
     *
     * @param exceeded whether it exceeded its limit
     */
    void record(int threads, int tokens, int processors, long nanos, boolean exceeded) {
        int max = max(tokens, processors);
        if (hasChoice(tokens, max) && (threads == max || threads == max / 2)) {
            timings(tokens, max).record(threads < max, nanos, exceeded);
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
