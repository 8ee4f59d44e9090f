package io.tidemark.generation.layout;

import io.tidemark.decoder.ThreadLimit;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Limits the time of steps that use more threads than one instance has. Another process on one of their processors can
 * make such a step take a second or longer.
 *
 * <p>The limit is {@code LIMIT} times what the threads of one instance need at most, by the medians of earlier steps. A
 * step with a limit takes several native calls. Therefore a step has none within {@code NORMAL_NANOS} after a normal
 * one, which takes at most {@code NORMAL} times as long as those threads need.
 *
 * <p>Used by one thread.
 */
final class StepLimits {

    private static final double LIMIT = 2;
    private static final double NORMAL = 1.25;
    static final long NORMAL_NANOS = 250_000_000;

    /** Threads of one instance. */
    private final int share;
    /** Durations with the threads of one instance, by {@link StepCost#rounded}. */
    private final Map<StepCost, RecentDurations> withShare = new HashMap<>();
    /** What the threads of one instance would need at most for steps that had more threads, likewise. */
    private final Map<StepCost, RecentDurations> withMore = new HashMap<>();
    /** Until when steps have no limit; empty if the last step with more threads was not normal. */
    private Optional<Long> unlimitedUntil = Optional.empty();

    StepLimits(EngineLayout layout) {
        this.share = layout.threads();
    }

    /** The limit of a step that starts at this time; empty if it needs none, or if no step has been timed. */
    Optional<ThreadLimit> of(StepCost cost, int threads, long startNanos) {
        if (threads <= share
                || unlimitedUntil.filter(until -> startNanos - until < 0).isPresent()) {
            return Optional.empty();
        }
        double nanos = nanosOfShare(cost);
        return nanos == Double.POSITIVE_INFINITY
                ? Optional.empty()
                : Optional.of(new ThreadLimit(LIMIT * nanos, share));
    }

    /**
     * Records a step.
     *
     * @param limit    what {@link #of} has returned for it
     * @param nanos    its duration
     * @param endNanos when it ended
     */
    void stepEnds(StepCost cost, int threads, Optional<ThreadLimit> limit, long nanos, long endNanos) {
        if (threads == share) {
            add(withShare, cost, nanos);
        } else if (threads > share) {
            double ofShare = nanosOfShare(cost);
            boolean isNormal = nanos <= NORMAL * ofShare
                    && ofShare < Double.POSITIVE_INFINITY
                    && limit.filter(ThreadLimit::isExceeded).isEmpty();
            unlimitedUntil = isNormal ? Optional.of(endNanos + NORMAL_NANOS) : Optional.empty();
            if (isNormal) {
                // the time of all threads together
                add(withMore, cost, nanos * threads / share);
            }
        }
    }

    private static void add(Map<StepCost, RecentDurations> durations, StepCost cost, long nanos) {
        durations.computeIfAbsent(cost.rounded(), size -> new RecentDurations()).add(nanos);
    }

    /** What the threads of one instance need at most; infinite if no step has been timed. */
    private double nanosOfShare(StepCost cost) {
        return Math.min(leastNanos(withShare, cost), leastNanos(withMore, cost));
    }

    private static double leastNanos(Map<StepCost, RecentDurations> durations, StepCost cost) {
        double least = Double.POSITIVE_INFINITY;
        for (Map.Entry<StepCost, RecentDurations> known : durations.entrySet()) {
            double ratio = cost.ratioTo(known.getKey());
            least = Math.min(least, ratio * known.getValue().median());
        }
        return least;
    }
}
