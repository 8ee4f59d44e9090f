package io.tidemark.calibration.rule;

import io.tidemark.calibration.curve.BoundaryCurve;
import io.tidemark.calibration.curve.CurveStatistics;
import java.util.List;
import java.util.Optional;
import java.util.function.IntToDoubleFunction;

/**
 * Chooses among boundaries that may be in force, and decides whether the evidence suffices for the move. A pure
 * function of the statistics of an epoch, whatever certified the boundaries.
 *
 * @param objective    what is preferred among eligible boundaries
 * @param margin       accepted loss in nats per gold token
 * @param minSamples   examples before a move
 * @param minBatches   batches before a move
 */
record EligibleChoice(Objective objective, double margin, int minSamples, int minBatches) {

    /** Each move needs this many times the examples of the one before it. */
    private static final double GROWTH = 1.25;

    /** A move to more layers needs a gain above this many standard errors. */
    static final double STANDARD_ERRORS = 2;

    /**
     * A choice by the places of boundaries in the statistics.
     *
     * @param place the place of the chosen boundary
     * @param kept  why the boundary in force stays nevertheless
     */
    record ChosenPlace(int place, Optional<RuleDecision.Reason> kept) {}

    /**
     * Chooses among the eligible boundaries. Means within 1e-6 nats tie, and the smallest boundary is chosen among
     * ties.
     *
     * @param statistics     the statistics of the epoch, with one example or more
     * @param batches        the number of batches that the epoch has counted
     * @param eligible       places of the eligible boundaries in the statistics, ascending; includes that in force
     * @param inForce        the place of the boundary in force
     * @param examplesAtMove examples of the epoch at its last move, 0 without one
     */
    ChosenPlace choose(
            CurveStatistics statistics, int batches, List<Integer> eligible, int inForce, long examplesAtMove) {
        int chosen = preferred(eligible, statistics::mean);
        Optional<RuleDecision.Reason> kept = Optional.empty();
        if (chosen == inForce) {
            kept = Optional.of(RuleDecision.Reason.CHOSEN);
        } else if (statistics.count() < minSamples) {
            kept = Optional.of(RuleDecision.Reason.TOO_FEW_SAMPLES);
        } else if (batches < minBatches) {
            kept = Optional.of(RuleDecision.Reason.TOO_FEW_BATCHES);
        } else if (statistics.count() < GROWTH * examplesAtMove) {
            kept = Optional.of(RuleDecision.Reason.SOON_AFTER_MOVE);
        } else if (chosen > inForce
                && !(statistics.mean(chosen) - statistics.mean(inForce)
                        > STANDARD_ERRORS * statistics.standardError(chosen, inForce))) {
            kept = Optional.of(RuleDecision.Reason.GAIN_NOT_CLEAR);
        }
        return new ChosenPlace(chosen, kept);
    }

    /** The place that the objective prefers among eligible places, by their means. */
    int preferred(List<Integer> eligible, IntToDoubleFunction mean) {
        double highest = eligible.stream()
                .mapToDouble(mean::applyAsDouble)
                .max()
                .orElseThrow(() -> new IllegalArgumentException("full LoRA is always eligible"));
        double accepted = objective.acceptedLoss(margin) + BoundaryCurve.TIE_NATS;
        return eligible.stream()
                .filter(place -> highest - mean.applyAsDouble(place) <= accepted)
                .findFirst()
                .orElseThrow();
    }

    /** Examples that the next move needs. */
    long leastExamples(long examplesAtMove) {
        return Math.max(minSamples, (long) Math.ceil(GROWTH * examplesAtMove));
    }
}
