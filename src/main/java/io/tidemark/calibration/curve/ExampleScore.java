package io.tidemark.calibration.curve;

import java.util.List;

/**
 * The log-likelihood of the gold completion of one validation example at every boundary.
 *
 * @param completionTokens      number of gold tokens, the end-of-sequence token included
 * @param meanLogprobByBoundary mean log-probability per gold token in nats, at the boundaries 0 to L
 */
public record ExampleScore(int completionTokens, List<Double> meanLogprobByBoundary) {

    /**
     * @throws IllegalArgumentException if there is no gold token, fewer than two boundaries, or a value is not finite
     */
    public ExampleScore {
        meanLogprobByBoundary = List.copyOf(meanLogprobByBoundary);
        if (completionTokens < 1 || meanLogprobByBoundary.size() < 2) {
            throw new IllegalArgumentException("a score needs at least one gold token and two boundaries");
        }
        if (!meanLogprobByBoundary.stream().allMatch(Double::isFinite)) {
            throw new IllegalArgumentException("a log-probability is not finite: " + meanLogprobByBoundary);
        }
    }
}
