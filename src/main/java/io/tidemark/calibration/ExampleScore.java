package io.tidemark.calibration;

import java.util.List;

/**
 * How well one validation example's gold completion is predicted at every boundary.
 *
 * @param completionTokens      gold tokens, the end-of-sequence token included
 * @param meanLogprobByBoundary mean log-probability per gold token in nats, at boundaries 0 .. L
 */
public record ExampleScore(int completionTokens, List<Double> meanLogprobByBoundary) {

    /** @throws IllegalArgumentException when there is nothing to score or a score is no finite number */
    public ExampleScore {
        meanLogprobByBoundary = List.copyOf(meanLogprobByBoundary);
        if (completionTokens < 1 || meanLogprobByBoundary.size() < 2) {
            throw new IllegalArgumentException("a score needs a gold token and a model with a layer");
        }
        if (!meanLogprobByBoundary.stream().allMatch(Double::isFinite)) {
            throw new IllegalArgumentException("a log-probability is no finite number: " + meanLogprobByBoundary);
        }
    }
}
