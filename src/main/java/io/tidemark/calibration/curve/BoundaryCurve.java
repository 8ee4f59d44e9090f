package io.tidemark.calibration.curve;

import io.tidemark.boundary.Boundary;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/**
 * The mean log-likelihood per gold token, in nats, at every boundary 0 to L, and the standard errors of differences.
 * Values that differ by at most {@link #TIE_NATS} are considered equal. Immutable.
 */
public final class BoundaryCurve {

    /** The largest difference, in nats, that counts as a rounding error. */
    public static final double TIE_NATS = 1e-6;

    private final CurveStatistics statistics;

    BoundaryCurve(CurveStatistics statistics) {
        if (statistics.count() == 0) {
            throw new IllegalStateException("a curve needs at least one example");
        }
        this.statistics = statistics;
    }

    /** The number of examples behind the curve, 1 or more. */
    public long samples() {
        return statistics.count();
    }

    public int numLayers() {
        return statistics.numLayers();
    }

    public Boundary full() {
        return Boundary.full(numLayers());
    }

    /** The mean log-likelihood per gold token at a boundary, in nats. */
    public double mean(Boundary boundary) {
        return statistics.mean(boundary.layers());
    }

    /** The means at the boundaries 0 to L. */
    public List<Double> means() {
        return IntStream.rangeClosed(0, numLayers()).mapToObj(statistics::mean).toList();
    }

    /** The boundary with the highest mean; the smallest if several tie. */
    public Boundary best() {
        double highest = means().stream().mapToDouble(Double::doubleValue).max().orElseThrow();
        return smallest(boundary -> mean(boundary) >= highest - TIE_NATS);
    }

    /** The mean at {@code reference} minus the mean at {@code boundary}, in nats per token. */
    public double loss(Boundary boundary, Boundary reference) {
        return mean(reference) - mean(boundary);
    }

    /**
     * The standard error of {@link #loss}, from the paired differences of the examples. Infinite for two different
     * boundaries if there is only one example.
     */
    public double standardError(Boundary boundary, Boundary reference) {
        return statistics.standardError(boundary.layers(), reference.layers());
    }

    /** The smallest boundary that satisfies the condition; full LoRA if none does. */
    Boundary smallest(Predicate<Boundary> condition) {
        return IntStream.rangeClosed(0, numLayers())
                .mapToObj(Boundary::new)
                .filter(condition)
                .findFirst()
                .orElse(full());
    }
}
