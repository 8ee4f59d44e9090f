package io.tidemark.stream.calibrator;

import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.calibration.rule.EpochSet;
import io.tidemark.calibration.rule.ExampleFilter;
import io.tidemark.calibration.rule.ScoredBatch;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The scores of some examples of a batch. Immutable.
 *
 * @param boundaries the scored boundaries, ascending
 * @param byPlace    the scores by the place of the example in the batch
 * @param seconds    the duration of the sweep
 */
record BatchScores(List<Integer> boundaries, Map<Integer, ExampleScore> byPlace, double seconds) {

    static final BatchScores NONE = new BatchScores(List.of(), Map.of(), 0);

    BatchScores {
        boundaries = List.copyOf(boundaries);
        byPlace = Map.copyOf(byPlace);
    }

    /** @param scores of the examples at {@code places}, in their order */
    static BatchScores of(List<Integer> boundaries, List<Integer> places, List<ExampleScore> scores, double seconds) {
        if (scores.size() != places.size()) {
            throw new IllegalStateException(
                    "the sweep has scored " + scores.size() + " examples, not " + places.size());
        }
        Map<Integer, ExampleScore> byPlace = new HashMap<>();
        for (int i = 0; i < scores.size(); i++) {
            byPlace.put(places.get(i), scores.get(i));
        }
        return new BatchScores(boundaries, byPlace, seconds);
    }

    /** Whether these examples can be counted in an epoch with this set. */
    boolean covers(List<Integer> places, EpochSet set) {
        return places.isEmpty()
                || boundaries.containsAll(set.boundaries()) && byPlace.keySet().containsAll(places);
    }

    /** The examples to count. */
    ScoredBatch select(List<Integer> places, EpochSet set, List<ExampleFilter.Bits> bits) {
        return new ScoredBatch(
                places.isEmpty() ? set.boundaries() : boundaries,
                places.stream()
                        .map(place -> new ScoredBatch.ScoredExample(bits.get(place), byPlace.get(place)))
                        .toList());
    }
}
