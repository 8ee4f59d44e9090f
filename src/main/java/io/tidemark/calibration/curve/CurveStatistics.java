package io.tidemark.calibration.curve;

import io.tidemark.message.CalibrationEpochRecord;
import java.util.Arrays;
import java.util.List;

/**
 * Sufficient statistics of example scores: the number of examples, the mean score at every boundary, and the co-moments
 * {@code sum((x_a - mean_a) * (x_b - mean_b))} of every pair of boundaries. They determine the curve and the standard
 * error of every paired difference. Order and grouping of the examples change the result by rounding errors only, far
 * below 1e-9 nats. Every example has the same weight, regardless of its number of tokens. Immutable.
 */
public final class CurveStatistics {

    /** Bounds of the fields of a record, far above those of real scores: no merge of records within them overflows. */
    private static final long MAX_COUNT = 1L << 53;

    private static final double MAX_MEAN = 1e100;
    private static final double MAX_COMOMENT = 1e300;

    private final long count;
    private final double[] means;
    /** The upper triangle of the symmetric matrix, row by row: (0,0) (0,1) … (0,L) (1,1) … (L,L). */
    private final double[] comoments;

    private CurveStatistics(long count, double[] means, double[] comoments) {
        if (count < 0 || means.length < 1 || comoments.length != means.length * (means.length + 1) / 2) {
            throw new IllegalArgumentException("count, means and comoments are inconsistent");
        }
        if (!Arrays.stream(means).allMatch(Double::isFinite)
                || !Arrays.stream(comoments).allMatch(Double::isFinite)) {
            throw new IllegalArgumentException("means and comoments must be finite numbers");
        }
        this.count = count;
        this.means = means;
        this.comoments = comoments;
    }

    /**
     * @throws IllegalArgumentException if the fields of the record contradict each other, or are so large that a merge
     *                                  could overflow
     */
    public static CurveStatistics of(CalibrationEpochRecord.Statistics record) {
        if (record.count() > MAX_COUNT
                || record.means().stream().anyMatch(mean -> Math.abs(mean) > MAX_MEAN)
                || record.comoments().stream().anyMatch(comoment -> Math.abs(comoment) > MAX_COMOMENT)) {
            throw new IllegalArgumentException("count, means or comoments are not finite or too large: at most "
                    + MAX_COUNT + ", " + MAX_MEAN + " and " + MAX_COMOMENT + " are allowed");
        }
        return new CurveStatistics(record.count(), array(record.means()), array(record.comoments()));
    }

    /** These statistics as a part of a Kafka record. */
    public CalibrationEpochRecord.Statistics toRecord() {
        return new CalibrationEpochRecord.Statistics(
                count,
                Arrays.stream(means).boxed().toList(),
                Arrays.stream(comoments).boxed().toList());
    }

    /** Statistics of no examples, for a model of {@code numLayers} layers. */
    public static CurveStatistics empty(int numLayers) {
        int boundaries = numLayers + 1;
        return new CurveStatistics(0, new double[boundaries], new double[boundaries * (boundaries + 1) / 2]);
    }

    /** @throws IllegalArgumentException if the score has another number of boundaries */
    public CurveStatistics plus(ExampleScore score) {
        double[] values = array(score.meanLogprobByBoundary());
        return merge(new CurveStatistics(1, values, new double[values.length * (values.length + 1) / 2]));
    }

    /** @throws IllegalArgumentException if a score has another number of boundaries */
    public CurveStatistics plus(Iterable<ExampleScore> scores) {
        CurveStatistics sum = this;
        for (ExampleScore score : scores) {
            sum = sum.plus(score);
        }
        return sum;
    }

    /**
     * These statistics with the scores of more examples.
     *
     * @param scores {@code [examples][boundaries]}
     * @throws IllegalArgumentException if an example has another number of boundaries
     */
    public CurveStatistics plus(double[][] scores) {
        int boundaries = means.length;
        double[] mean = new double[boundaries];
        for (double[] score : scores) {
            if (score.length != boundaries) {
                throw new IllegalArgumentException(
                        "an example has " + score.length + " scores for " + boundaries + " boundaries");
            }
            for (int b = 0; b < boundaries; b++) {
                mean[b] += score[b] / scores.length;
            }
        }
        double[] squares = new double[comoments.length];
        double[] deviation = new double[boundaries];
        for (double[] score : scores) {
            Arrays.setAll(deviation, b -> score[b] - mean[b]);
            for (int a = 0, cell = 0; a < boundaries; a++) {
                for (int b = a; b < boundaries; b++, cell++) {
                    squares[cell] += deviation[a] * deviation[b];
                }
            }
        }
        return merge(new CurveStatistics(scores.length, mean, squares));
    }

    /**
     * The statistics of the union of both sets of examples (Chan, Golub and LeVeque 1979).
     *
     * @throws IllegalArgumentException if the numbers of layers differ
     */
    public CurveStatistics merge(CurveStatistics other) {
        if (other.means.length != means.length) {
            throw new IllegalArgumentException(
                    "cannot merge statistics of " + numLayers() + " and " + other.numLayers() + " layers");
        }
        if (count == 0 || other.count == 0) {
            return count == 0 ? other : this;
        }
        long total = count + other.count;
        double share = (double) other.count / total;
        double[] mean = new double[means.length];
        double[] merged = new double[comoments.length];
        for (int a = 0, cell = 0; a < means.length; a++) {
            double difference = other.means[a] - means[a];
            mean[a] = means[a] + difference * share;
            for (int b = a; b < means.length; b++, cell++) {
                merged[cell] = comoments[cell]
                        + other.comoments[cell]
                        + difference * (other.means[b] - means[b]) * share * count;
            }
        }
        return new CurveStatistics(total, mean, merged);
    }

    /** These statistics without some boundaries; {@code places} are those that stay, ascending, one or more. */
    public CurveStatistics select(List<Integer> places) {
        double[] mean = new double[places.size()];
        double[] selected = new double[mean.length * (mean.length + 1) / 2];
        for (int a = 0, cell = 0; a < mean.length; a++) {
            mean[a] = means[places.get(a)];
            for (int b = a; b < mean.length; b++, cell++) {
                selected[cell] = comoment(places.get(a), places.get(b));
            }
        }
        return new CurveStatistics(count, mean, selected);
    }

    /** The number of examples. */
    public long count() {
        return count;
    }

    public int numLayers() {
        return means.length - 1;
    }

    /** @throws IllegalStateException if there are no examples */
    public BoundaryCurve curve() {
        return new BoundaryCurve(this);
    }

    /** The mean score at a boundary, in nats per gold token. */
    public double mean(int boundary) {
        return means[boundary];
    }

    /** {@code sum((d - mean_d)^2)} over the differences d of the examples between two boundaries. */
    double squaresOfDifference(int a, int b) {
        // rounding can make a value of zero slightly negative
        return Math.max(0, comoment(a, a) + comoment(b, b) - 2 * comoment(Math.min(a, b), Math.max(a, b)));
    }

    /**
     * The standard error of the mean difference between two boundaries, from the paired differences of the examples.
     * Infinite for two different boundaries if there are fewer than two examples.
     */
    public double standardError(int a, int b) {
        if (a == b) {
            return 0;
        }
        return count < 2 ? Double.POSITIVE_INFINITY : Math.sqrt(squaresOfDifference(a, b) / (count - 1) / count);
    }

    private double comoment(int a, int b) {
        return comoments[a * means.length - a * (a - 1) / 2 + b - a];
    }

    private static double[] array(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
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
