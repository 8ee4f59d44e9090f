package io.tidemark.calibration.rule;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * The e-detector of a boundary in force, over the observations of one partition since a move. Each bet i has a value
 * {@code R_i = (R_i + 1)(1 - nu_i (z + margin))}, which starts at 0 (Shin, Ramdas and Rinaldo 2024, <i>E-detectors: a
 * nonparametric framework for sequential change detection</i>). While the boundary is not worse than {@code -margin},
 * the mean of R_i grows by at most 1 per observation. The average number of observations until the values of all
 * partitions reach A is therefore at least A. Immutable.
 *
 * @param move     the number of the move, from 1; 0 if there was none
 * @param boundary the boundary that the move put in force
 * @param values   R_i of the bets
 */
public record Watch(long move, int boundary, List<Double> values) {

    /** The largest value, which keeps sums over partitions finite. An alarm comes far earlier. */
    private static final double MAX_VALUE = 1e100;

    /** @throws IllegalArgumentException if the values are not three numbers from 0 to 1e100 */
    public Watch {
        values = List.copyOf(values);
        if (move < 0 || boundary < 0) {
            throw new IllegalArgumentException("a watch needs a move and a boundary that are not negative");
        }
        if (values.size() != HarmTest.DETECTOR_BETS
                || !values.stream().allMatch(value -> value >= 0 && value <= MAX_VALUE)) {
            throw new IllegalArgumentException(
                    "a watch needs " + HarmTest.DETECTOR_BETS + " values from 0 to " + MAX_VALUE);
        }
    }

    /** The watch of a move, without observations. */
    static Watch begin(long move, int boundary) {
        return new Watch(move, boundary, Collections.nCopies(HarmTest.DETECTOR_BETS, 0.0));
    }

    /**
     * This watch with more observations.
     *
     * @param observations capped differences {@code [observations][boundaries]}
     * @param index        the place of the boundary in an observation
     */
    Watch plus(HarmTest test, double[][] observations, int index) {
        List<Double> next = new ArrayList<>(values.size());
        for (int i = 0; i < HarmTest.DETECTOR_BETS; i++) {
            double value = values.get(i);
            for (double[] observation : observations) {
                value = Math.min(MAX_VALUE, (value + 1) * test.detectorFactor(i, observation[index]));
            }
            next.add(value);
        }
        return new Watch(move, boundary, next);
    }

    /** The mean of R_i. An alarm compares the sum over the partitions with its threshold. */
    double value() {
        return values.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }
}
