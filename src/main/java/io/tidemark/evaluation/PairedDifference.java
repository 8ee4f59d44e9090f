package io.tidemark.evaluation;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.tidemark.calibration.curve.StudentT;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The difference between the scores of two settings on the same examples.
 *
 * @param mean        mean of the differences
 * @param halfWidth95 the 95% interval is {@code mean - halfWidth95 .. mean + halfWidth95}: Student's t on the
 *                    differences
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record PairedDifference(double mean, double halfWidth95) {

    /**
     * Compares scores with those of a reference, example by example; the difference is score minus reference.
     *
     * @throws IllegalArgumentException when there are fewer than two examples, or not the same number of both
     */
    public static PairedDifference of(List<Double> scores, List<Double> reference) {
        int n = scores.size();
        if (n < 2 || n != reference.size()) {
            throw new IllegalArgumentException(
                    "an interval needs two examples or more, scored both ways: " + n + ", " + reference.size());
        }
        double[] differences = IntStream.range(0, n)
                .mapToDouble(i -> scores.get(i) - reference.get(i))
                .toArray();
        double mean = IntStream.range(0, n).mapToDouble(i -> differences[i]).sum() / n;
        double squares = IntStream.range(0, n)
                .mapToDouble(i -> Math.pow(differences[i] - mean, 2))
                .sum();
        return new PairedDifference(mean, StudentT.upper975(n - 1) * Math.sqrt(squares / (n - 1) / n));
    }
}
