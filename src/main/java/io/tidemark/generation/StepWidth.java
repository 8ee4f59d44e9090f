package io.tidemark.generation;

import java.util.function.BooleanSupplier;

/**
 * How many threads the steps of an engine instance use: its share of the processors, or all of them in the first instance for a
 * large step while no other instance has work.
 *
 * <p>The threads of a step synchronize several hundred times. When another process uses one of their processors, each
 * synchronization waits for the delayed thread, and half as many threads are much faster. So steps of similar size are timed with
 * both widths. Half of the threads are used once they take less than {@code CLEARLY_FASTER} of the time of all, and until they
 * take as long. The other width is tried again after {@code MIN_STEPS_BETWEEN} to {@code MAX_STEPS_BETWEEN} steps. Belongs to the
 * instance's thread.
 */
final class StepWidth {

    /** Steps of the faster width between two of the other: few after a change, more each time that the other is slower still. */
    private static final int MIN_STEPS_BETWEEN = 16;
    private static final int MAX_STEPS_BETWEEN = 1024;
    /** Half of the threads are used where they take less than this part of the time of all, so that chance decides seldom. */
    private static final double CLEARLY_FASTER = 0.7;

    private final EngineLayout layout;
    private final BooleanSupplier alone;
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

    /** @param alone whether no other instance has work, and this one may use all processors */
    StepWidth(EngineLayout layout, BooleanSupplier alone) {
        this.layout = layout;
        this.alone = alone;
        for (int i = 0; i < bySize.length; i++) {
            bySize[i] = new Times();
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
