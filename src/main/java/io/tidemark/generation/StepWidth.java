package io.tidemark.generation;

import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.function.BooleanSupplier;
import java.util.function.IntFunction;

/**
 * How many threads the steps of an engine instance use: its share of the processors, or all of them in the first instance for a
 * large step while no other instance has work.
 *
 * <p>The threads of a step synchronize several hundred times. When another process uses one of their processors, each
 * synchronization waits for the delayed thread, and half as many threads are much faster. So steps of similar size are timed with
 * both widths. Half of the threads are used once they take less than {@code CLEARLY_FASTER} of the time of all, and until they
 * take as long. The other width is tried again after {@code MIN_STEPS_BETWEEN} to {@code MAX_STEPS_BETWEEN} steps.
 *
 * <p>A step that uses more threads than the instance's share excludes the steps of the other instances: one that gets a request
 * meanwhile waits until that step ends. So the threads of all steps are never more than the processors. Belongs to the instance's
 * thread.
 */
final class StepWidth {

    /** Steps of the faster width between two of the other: few after a change, more each time that the other is slower still. */
    private static final int MIN_STEPS_BETWEEN = 16;

    private static final int MAX_STEPS_BETWEEN = 1024;
    /** Half of the threads are used where they take less than this part of the time of all, so that chance decides seldom. */
    private static final double CLEARLY_FASTER = 0.7;

    private final EngineLayout layout;
    private final BooleanSupplier alone;
    private final Lock shared;
    private final Lock exclusive;
    /** For steps of so many tokens, by the logarithm to base 2, beside other instances and then alone. */
    private final Times[] bySize = new Times[2 * Integer.SIZE];

    /** How long steps of similar size take, in nanoseconds of the last ones; 0 before the first. */
    private static final class Times {
        private double wide;
        private double half;
        private boolean halfIsFaster;
        private int sinceOther;
        private int between = MIN_STEPS_BETWEEN;

        /** Whether the next step uses half of the threads. */
        private boolean half() {
            return halfIsFaster != sinceOther >= between;
        }

        private void took(boolean withHalf, long nanos) {
            boolean other = withHalf != halfIsFaster;
            // the other width was timed long ago
            if (withHalf) {
                half = other ? nanos : (half + nanos) / 2;
            } else {
                wide = other || wide == 0 ? nanos : (wide + nanos) / 2;
            }
            sinceOther = other ? 0 : sinceOther + 1;
            boolean faster = half > 0 && half < (halfIsFaster ? wide : CLEARLY_FASTER * wide);
            if (faster != halfIsFaster) {
                between = MIN_STEPS_BETWEEN;
                sinceOther = 0;
            } else if (other) {
                between = Math.min(2 * between, MAX_STEPS_BETWEEN);
            }
            halfIsFaster = faster;
        }
    }

    /**
     * @param alone      whether no other instance has work, and this one may use all processors
     * @param processors held by the steps of all instances: for writing by one that uses all processors, else for reading
     */
    StepWidth(EngineLayout layout, BooleanSupplier alone, ReadWriteLock processors) {
        this.layout = layout;
        this.alone = alone;
        this.shared = processors.readLock();
        this.exclusive = processors.writeLock();
        for (int i = 0; i < bySize.length; i++) {
            bySize[i] = new Times();
        }
    }

    /** Runs a step of so many tokens, which is called with its number of threads, and times it. */
    <T> T run(int tokens, IntFunction<T> step) {
        int threads = threads(tokens);
        boolean wide = threads > layout.threads() && exclusive.tryLock();
        if (!wide) {
            threads = Math.min(threads, layout.threads());
            shared.lock();
        }
        try {
            long start = System.nanoTime();
            T result = step.apply(threads);
            took(threads, tokens, System.nanoTime() - start);
            return result;
        } finally {
            (wide ? exclusive : shared).unlock();
        }
    }

    /** For a step of so many tokens. */
    int threads(int tokens) {
        int most = most(tokens);
        return most == 1 || layout.fixed() || !times(tokens, most).half() ? most : most / 2;
    }

    /** A step of so many tokens has taken so long with these threads. */
    void took(int threads, int tokens, long nanos) {
        int most = most(tokens);
        if (most > 1 && !layout.fixed() && (threads == most || threads == most / 2)) {
            times(tokens, most).took(threads < most, nanos);
        }
    }

    private int most(int tokens) {
        return tokens >= layout.loneTokens() && alone.getAsBoolean() ? layout.loneThreads() : layout.threads();
    }

    private Times times(int tokens, int most) {
        int size = Integer.SIZE - 1 - Integer.numberOfLeadingZeros(Math.max(1, tokens));
        return bySize[most > layout.threads() ? Integer.SIZE + size : size];
    }
}
