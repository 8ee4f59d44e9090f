package io.tidemark.calibration;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Arrays;

/**
 * What is kept of all examples seen: their number, the mean score at every boundary, and the co-moments
 * {@code sum((x_a - mean_a) * (x_b - mean_b))} of every two boundaries. That is enough for the curve and for the
 * standard error of any paired difference, so that order and grouping of examples don't matter (within rounding, far
 * below 1e-9 nats). Immutable. Each example weighs the same, however many tokens it has.
 */
@JsonAutoDetect(getterVisibility = JsonAutoDetect.Visibility.NONE, fieldVisibility = JsonAutoDetect.Visibility.ANY)
public final class CurveStatistics {

    private final long count;
    private final double[] means;
    /** Upper triangle of the symmetric matrix, row by row: (0,0) (0,1) … (0,L) (1,1) … (L,L). */
    private final double[] comoments;

    @JsonCreator
    private CurveStatistics(
            @JsonProperty(value = "count", required = true) long count,
            @JsonProperty(value = "means", required = true) double[] means,
            @JsonProperty(value = "comoments", required = true) double[] comoments) {
        if (count < 0 || means.length < 2 || comoments.length != means.length * (means.length + 1) / 2) {
            throw new IllegalArgumentException("count, means and comoments don't fit each other");
        }
        if (!Arrays.stream(means).allMatch(Double::isFinite)
                || !Arrays.stream(comoments).allMatch(Double::isFinite)) {
            throw new IllegalArgumentException("means and comoments must be finite numbers");
        }
        this.count = count;
        this.means = means;
        this.comoments = comoments;
    }

    /** No example yet, for a model of {@code numLayers} layers. */
    public static CurveStatistics empty(int numLayers) {
        int boundaries = numLayers + 1;
        return new CurveStatistics(0, new double[boundaries], new double[boundaries * (boundaries + 1) / 2]);
    }

    /** @throws IllegalArgumentException when the score has another number of boundaries */
    public CurveStatistics plus(ExampleScore score) {
        double[] values = score.meanLogprobByBoundary().stream()
                .mapToDouble(Double::doubleValue)
                .toArray();
        return merge(new CurveStatistics(1, values, new double[values.length * (values.length + 1) / 2]));
    }

    /** @throws IllegalArgumentException as above */
    public CurveStatistics plus(Iterable<ExampleScore> scores) {
        CurveStatistics sum = this;
        for (ExampleScore score : scores) {
            sum = sum.plus(score);
        }
        return sum;
    }

    /**
     * The statistics of both sets of examples together (Chan, Golub and LeVeque 1979).
     *
     * @throws IllegalArgumentException when the other ones are of a model with another number of layers
     */
    public CurveStatistics merge(CurveStatistics other) {
        if (other.means.length != means.length) {
            throw new IllegalArgumentException(
                    "statistics over " + numLayers() + " and " + other.numLayers() + " layers don't add up");
        }
        if (count == 0 || other.count == 0) {
            return count == 0 ? other : this;
        }
        long total = count + other.count;
        double share = (double) other.count / total;
        double[] mean = new double[means.length];
        double[] moved = new double[comoments.length];
        for (int a = 0, cell = 0; a < means.length; a++) {
            double distance = other.means[a] - means[a];
            mean[a] = means[a] + distance * share;
            for (int b = a; b < means.length; b++, cell++) {
                moved[cell] = comoments[cell]
                        + other.comoments[cell]
                        + distance * (other.means[b] - means[b]) * share * count;
            }
        }
        return new CurveStatistics(total, mean, moved);
    }

    /** Examples seen. */
    public long count() {
        return count;
    }

    public int numLayers() {
        return means.length - 1;
    }

    /** @throws IllegalStateException when no example was seen */
    public BoundaryCurve curve() {
        return new BoundaryCurve(this);
    }

    double mean(int boundary) {
        return means[boundary];
    }

    /** {@code sum((d - mean_d)^2)} of the examples' differences d between two boundaries. */
    double squaresOfDifference(int a, int b) {
        // rounding can take a difference of nothing a little below zero
        return Math.max(0, comoment(a, a) + comoment(b, b) - 2 * comoment(Math.min(a, b), Math.max(a, b)));
    }

    private double comoment(int a, int b) {
        return comoments[a * means.length - a * (a - 1) / 2 + b - a];
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof CurveStatistics that
                && count == that.count
                && Arrays.equals(means, that.means)
                && Arrays.equals(comoments, that.comoments);
    }

    @Override
    public int hashCode() {
        return 31 * Long.hashCode(count) + Arrays.hashCode(means);
    }

    @Override
    public String toString() {
        return "CurveStatistics(" + count + " examples, means " + Arrays.toString(means) + ")";
    }
}
