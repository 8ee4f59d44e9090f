package io.tidemark.generation;

import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.function.BooleanSupplier;
import java.util.function.IntFunction;

/**
 * Selects the number of threads for each step of an engine instance: the instance's share of the processors, or all of
 * them for a large step of the first instance while no other instance has work.
 *
 * <p>The threads of a step synchronize several hundred times. When another process uses one of their processors, each
 * synchronization waits for the delayed thread, and half as many threads are much faster. Steps of similar size are
 * therefore timed with all and with half of the threads. Half of the threads are used once they take less than
 * {@code CLEARLY_FASTER} of the time of all, and until they take as long. The other number is tried again after
 * {@code MIN_STEPS_BETWEEN} to {@code MAX_STEPS_BETWEEN} steps.
 *
 * <p>A step that uses more threads than the instance's share excludes steps of other instances; an instance that gets a
 * request meanwhile waits until that step ends. The threads of all steps together are therefore never more than the
 * processors. Used by the thread of the instance only.
 */
final class StepThreads {

    /**
     * Steps between two trials of the slower number: this many at first, doubled for each trial that is still slower.
     */
    private static final int MIN_STEPS_BETWEEN = 16;

    private static final int MAX_STEPS_BETWEEN = 1024;
    /** Half of the threads must take less than this part of the time of all, so that noise rarely causes a change. */
    private static final double CLEARLY_FASTER = 0.7;

    private final EngineLayout layout;
    private final BooleanSupplier alone;
    private final Lock shared;
    private final Lock exclusive;
    /** By the logarithm to base 2 of a step's tokens: first for the instance's share, then for all processors. */
    private final Timings[] bySize = new Timings[2 * Integer.SIZE];

    /** Durations of recent steps of similar size in nanoseconds; 0 before the first. */
    private static final class Timings {
        private double all;
        private double half;
        private boolean halfIsFaster;
        private int stepsSinceOther;
        private int stepsBetween = MIN_STEPS_BETWEEN;

        /** Whether the next step uses half of the threads. */
        private boolean useHalf() {
            return halfIsFaster != stepsSinceOther >= stepsBetween;
        }

        private void record(boolean usedHalf, long nanos) {
            boolean other = usedHalf != halfIsFaster;
            // the average restarts for the slower number, whose last step was long ago
            if (usedHalf) {
                half = other ? nanos : (half + nanos) / 2;
            } else {
                all = other || all == 0 ? nanos : (all + nanos) / 2;
            }
            stepsSinceOther = other ? 0 : stepsSinceOther + 1;
            boolean faster = half > 0 && half < (halfIsFaster ? all : CLEARLY_FASTER * all);
            if (faster != halfIsFaster) {
                stepsBetween = MIN_STEPS_BETWEEN;
                stepsSinceOther = 0;
            } else if (other) {
                stepsBetween = Math.min(2 * stepsBetween, MAX_STEPS_BETWEEN);
            }
            halfIsFaster = faster;
        }
    }

    /**
     * @param alone      whether no other instance has work and this instance may use all processors
     * @param processors shared by all instances: write-locked by a step that uses all processors, read-locked by others
     */
    StepThreads(EngineLayout layout, BooleanSupplier alone, ReadWriteLock processors) {
        this.layout = layout;
        this.alone = alone;
        this.shared = processors.readLock();
        this.exclusive = processors.writeLock();
        for (int i = 0; i < bySize.length; i++) {
            bySize[i] = new Timings();
        }
    }

    /**
     * Runs a step and records its duration.
     *
     * @param tokens number of tokens of the step
     * @param step   takes the number of threads
     */
    <T> T run(int tokens, IntFunction<T> step) {
        int max = max(tokens);
        int threads = threadsFor(tokens, max);
        boolean usesAll = threads > layout.threads() && exclusive.tryLock();
        if (!usesAll) {
            shared.lock();
            if (threads > layout.threads()) {
                // another instance has a step
                max = layout.threads();
                threads = threadsFor(tokens, max);
            }
        }
        try {
            long start = System.nanoTime();
            T result = step.apply(threads);
            // other instances may have got or finished work meanwhile: the duration counts for the maximum at the start
            record(threads, tokens, max, System.nanoTime() - start);
            return result;
        } finally {
            (usesAll ? exclusive : shared).unlock();
        }
    }

    /** The number of threads for the next step of this number of tokens. */
    int threadsFor(int tokens) {
        return threadsFor(tokens, max(tokens));
    }

    private int threadsFor(int tokens, int max) {
        return max == 1 || layout.fixed() || !timings(tokens, max).useHalf() ? max : max / 2;
    }

    /** Records the duration of a step whose maximum was {@code max} when it started. */
    void record(int threads, int tokens, int max, long nanos) {
        if (max > 1 && !layout.fixed() && (threads == max || threads == max / 2)) {
            timings(tokens, max).record(threads < max, nanos);
        }
    }

    /** The maximum number of threads for a step that starts at this time. */
    int max(int tokens) {
        return tokens >= layout.minTokensForMaxThreads() && alone.getAsBoolean()
                ? layout.maxThreads()
                : layout.threads();
    }

    private Timings timings(int tokens, int max) {
        int size = Integer.SIZE - 1 - Integer.numberOfLeadingZeros(Math.max(1, tokens));
        return bySize[max > layout.threads() ? Integer.SIZE + size : size];
    }
}
