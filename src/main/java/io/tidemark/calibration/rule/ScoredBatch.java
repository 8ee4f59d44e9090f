package io.tidemark.calibration.rule;

import io.tidemark.calibration.curve.ExampleScore;
import java.util.List;

/**
 * The scores of a batch's examples at some boundaries, in the order of the batch and without repeats.
 *
 * @param boundaries the scored boundaries, ascending, with 0 and L
 * @param examples   none if all examples of the batch were repeats
 */
public record ScoredBatch(List<Integer> boundaries, List<ScoredExample> examples) {

    /**
     * One example with its scores.
     *
     * @param bits  identify the example in an {@link ExampleFilter}
     * @param score the scores at the boundaries, in their order
     */
    public record ScoredExample(ExampleFilter.Bits bits, ExampleScore score) {}

    /** @throws IllegalArgumentException if a score has another number of boundaries */
    public ScoredBatch {
        boundaries = List.copyOf(boundaries);
        examples = List.copyOf(examples);
        int expected = boundaries.size();
        if (examples.stream()
                .anyMatch(example -> example.score().meanLogprobByBoundary().size() != expected)) {
            throw new IllegalArgumentException("each example needs a score at each of " + expected + " boundaries");
        }
    }

    /** Whether the batch can be counted in an epoch with this set; otherwise it is scored again. */
    public boolean covers(EpochSet set) {
        return boundaries.containsAll(set.boundaries());
    }

    /** The scores of some of the examples at the boundaries of a set that the batch covers. */
    double[][] scores(int from, int to, EpochSet set) {
        int[] places = set.boundaries().stream().mapToInt(boundaries::indexOf).toArray();
        double[][] rows = new double[to - from][places.length];
        for (int i = from; i < to; i++) {
            List<Double> values = examples.get(i).score().meanLogprobByBoundary();
            for (int p = 0; p < places.length; p++) {
                rows[i - from][p] = values.get(places[p]);
            }
        }
        return rows;
    }
}
