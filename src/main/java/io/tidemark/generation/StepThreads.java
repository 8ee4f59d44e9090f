package io.tidemark.generation;

import java.util.HashMap;
import java.util.Map;
import java.util.function.IntFunction;

/**
 * Selects the number of threads for each step with rows of one engine instance: the instance's share of the processors,
 * or those of its whole group for a large step.
 *
 * <p>The threads of a step synchronize several hundred times. When another process uses one of their processors, each
 * synchronization waits for the delayed thread, and half as many threads are much faster. Steps of similar size are
 * therefore timed with all and with half of the threads. Half of the threads are used once they take less than
 * {@code CLEARLY_FASTER} of the time of all, and until they take as long. The other number is tried again after
 * {@code MIN_STEPS_BETWEEN} to {@code MAX_STEPS_BETWEEN} steps.
 *
 * <p>Used by one thread.
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
    private final Map<Size, Timings> bySize = new HashMap<>();

    /**
     * Steps of similar size.
     *
     * @param max        maximum number of threads
     * @param log2Tokens logarithm of the tokens to base 2, rounded down
     */
    private record Size(int max, int log2Tokens) {}

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

    StepThreads(EngineLayout layout) {
        this.layout = layout;
    }

    /**
     * Runs a step and records its duration.
     *
     * @param tokens     number of tokens of the step
     * @param processors maximum number of threads, those of the whole group
     * @param step       takes the number of threads
     */
    <T> T run(int tokens, int processors, IntFunction<T> step) {
        int threads = threadsFor(tokens, processors);
        long start = System.nanoTime();
        T result = step.apply(threads);
        record(threads, tokens, processors, System.nanoTime() - start);
        return result;
    }

    /** The number of threads for the next step of this number of tokens. */
    int threadsFor(int tokens, int processors) {
        int max = max(tokens, processors);
        return max == 1 || layout.fixed() || !timings(tokens, max).useHalf() ? max : max / 2;
    }

    /** Records the duration of a step. */
    void record(int threads, int tokens, int processors, long nanos) {
        int max = max(tokens, processors);
        if (max > 1 && !layout.fixed() && (threads == max || threads == max / 2)) {
            timings(tokens, max).record(threads < max, nanos);
        }
    }

    private int max(int tokens, int processors) {
        return tokens >= layout.minTokensForMaxThreads() ? processors : Math.min(processors, layout.threads());
    }

    private Timings timings(int tokens, int max) {
        int log2Tokens = Integer.SIZE - 1 - Integer.numberOfLeadingZeros(Math.max(1, tokens));
        return bySize.computeIfAbsent(new Size(max, log2Tokens), size -> new Timings());
    }
}
