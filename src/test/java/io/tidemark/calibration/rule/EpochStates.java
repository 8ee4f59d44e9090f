package io.tidemark.calibration.rule;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.curve.ExampleScore;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/** States of an epoch, for tests. */
public final class EpochStates {

    private EpochStates() {}

    /** The first epoch after a batch of distinct examples without a difference between the boundaries. */
    public static EpochState counting(LoadedVersion version, int examples) {
        double[][] differences = new double[examples][version.numLayers()];
        Arrays.stream(differences).forEach(row -> Arrays.fill(row, 0.0));
        return counting(version, ScoredBatches.of(differences));
    }

    static EpochState counting(LoadedVersion version, ScoredBatch batch) {
        RuleSettings all = RuleSettings.DEFAULT.withCandidates(Optional.of(Candidates.of(
                IntStream.rangeClosed(0, version.numLayers()).boxed().toList())));
        BoundaryRule rule = new BoundaryRule(all, Objective.parse("balanced"), version.numLayers());
        return ((BatchCount.Counted) rule.count(PartitionStates.empty(), 0, batch, InForce.none(version.numLayers())))
                .state();
    }

    /** @param scores at the boundaries 0 to L */
    static EpochState counting(LoadedVersion version, List<ExampleScore> scores) {
        List<Integer> boundaries =
                IntStream.rangeClosed(0, version.numLayers()).boxed().toList();
        return counting(
                version,
                new ScoredBatch(
                        IntStream.range(0, scores.size())
                                .mapToObj(i -> new ScoredBatch.ScoredExample(
                                        ExampleFilter.Bits.of(0x1111222233334444L * (i + 1)),
                                        Optional.empty(),
                                        BoundaryScores.of(
                                                boundaries,
                                                scores.get(i).meanLogprobByBoundary().stream()
                                                        .mapToDouble(Double::doubleValue)
                                                        .toArray())))
                                .toList(),
                        0));
    }
}
