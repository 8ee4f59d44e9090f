package io.tidemark.calibration;

import io.tidemark.boundary.Boundary;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/**
 * The mean log-likelihood per gold token, in nats, at every boundary 0 .. L, with how sure each difference is. Values
 * within {@link #TIE_NATS} of each other are equal.
 */
public final class BoundaryCurve {

    /** Below this, two scores differ by arithmetic and not by worth. */
    public static final double TIE_NATS = 1e-6;

    private final CurveStatistics statistics;

    BoundaryCurve(CurveStatistics statistics) {
        if (statistics.count() == 0) {
            throw new IllegalStateException("there is no curve before the first example");
        }
        this.statistics = statistics;
    }

    /** Examples behind the curve, 1 or more. */
    public long samples() {
        return statistics.count();
    }

    public int numLayers() {
        return statistics.numLayers();
    }

    public Boundary full() {
        return Boundary.full(numLayers());
    }

    /** Mean log-likelihood per gold token at a boundary, in nats. */
    public double mean(Boundary boundary) {
        return statistics.mean(boundary.layers());
    }

    /** The mean at boundaries 0 .. L. */
    public List<Double> means() {
        return IntStream.rangeClosed(0, numLayers()).mapToObj(statistics::mean).toList();
    }

    /** The smallest boundary whose mean is the highest. */
    public Boundary best() {
        double highest = means().stream().mapToDouble(Double::doubleValue).max().orElseThrow();
        return smallest(boundary -> mean(boundary) >= highest - TIE_NATS);
    }

    /** How many nats per token {@code boundary} is below {@code reference}; negative when it is above. */
    public double loss(Boundary boundary, Boundary reference) {
        return mean(reference) - mean(boundary);
    }

    /**
     * The standard error of {@link #loss}, from the examples' paired differences; infinite for two boundaries while
     * there is one example only.
     */
    public double standardError(Boundary boundary, Boundary reference) {
        if (boundary.equals(reference)) {
            return 0;
        }
        if (samples() < 2) {
            return Double.POSITIVE_INFINITY;
        }
        double squares = statistics.squaresOfDifference(boundary.layers(), reference.layers());
        return Math.sqrt(squares / (samples() - 1) / samples());
    }

    /** The smallest boundary that satisfies the condition; full LoRA when none does. */
    Boundary smallest(Predicate<Boundary> condition) {
        return IntStream.rangeClosed(0, numLayers())
                .mapToObj(Boundary::new)
                .filter(condition)
                .findFirst()
                .orElse(full());
    }
}
