package io.tidemark.calibration.rule;

import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.curve.StudentT;
import io.tidemark.message.DroppedBoundary;
import io.tidemark.message.UncountedExamples;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What a decision is based on.
 *
 * @param test       the test that the numbers belong to, that of the epoch
 * @param epoch      the epoch
 * @param batches    batches of the epoch
 * @param examples   examples of the epoch; a group counts as one
 * @param uncounted  examples of the batches that add nothing
 * @param tested     K, the number of boundaries below L at the start of the epoch
 * @param threshold  ln E from which on a boundary is certified
 * @param watch      the e-detector of the boundary in force, summed over the partitions; 0 if it is not watched
 * @param boundaries the boundaries of the epoch that are scored, ascending; the last one is L
 * @param dropped    the other boundaries of the epoch, ascending
 */
public record RuleEvidence(
        HarmTest test,
        int epoch,
        int batches,
        long examples,
        UncountedExamples uncounted,
        int tested,
        double threshold,
        double watch,
        List<BoundaryEvidence> boundaries,
        List<DroppedBoundary> dropped) {

    /**
     * The evidence for one boundary.
     *
     * @param mean       mean score in nats per gold token; 0 without examples
     * @param difference mean difference to full LoRA, not capped
     * @param interval   half of the plain 95% confidence interval of the difference (Student's t on paired
     *                   differences); descriptive, not valid at a chosen time. Infinite below two examples
     * @param capped     mean capped difference to full LoRA; empty for L, and without examples
     * @param logE       ln E; empty for L
     * @param certified  whether ln E is at its threshold, or the boundary is L
     * @param sums       the five sums G of its test, the largest bet first; empty for L
     */
    public record BoundaryEvidence(
            int boundary,
            double mean,
            double difference,
            double interval,
            OptionalDouble capped,
            OptionalDouble logE,
            boolean certified,
            Optional<List<Double>> sums) {

        public BoundaryEvidence {
            sums = sums.map(List::copyOf);
        }
    }

    public RuleEvidence {
        boundaries = List.copyOf(boundaries);
        dropped = List.copyOf(dropped);
    }

    static RuleEvidence of(EpochState like, PartitionStates.Totals totals, double alpha, double watch) {
        EpochSet set = totals.set();
        int full = set.scored();
        CurveStatistics statistics = totals.statistics();
        double threshold = EProcesses.threshold(set.hypotheses(), like.epoch(), alpha);
        List<Integer> boundaries = set.boundaries();
        BoundaryEvidence[] rows = new BoundaryEvidence[boundaries.size()];
        double quantile = StudentT.upper975(statistics.count() - 1);
        for (int i = 0; i < rows.length; i++) {
            OptionalDouble logE = i == full
                    ? OptionalDouble.empty()
                    : OptionalDouble.of(totals.sums().logValue(i));
            boolean certified = logE.isEmpty() || logE.getAsDouble() >= threshold;
            rows[i] = new BoundaryEvidence(
                    boundaries.get(i),
                    statistics.mean(i),
                    statistics.mean(i) - statistics.mean(full),
                    quantile * statistics.standardError(i, full),
                    i == full || statistics.count() == 0
                            ? OptionalDouble.empty()
                            : OptionalDouble.of(totals.sums().capped().get(i) / statistics.count()),
                    logE,
                    certified,
                    i == full ? Optional.empty() : Optional.of(totals.sums().sums(i)));
        }
        return new RuleEvidence(
                like.test(),
                like.epoch(),
                totals.batches(),
                totals.units(),
                totals.uncounted(),
                set.hypotheses(),
                threshold,
                watch,
                List.of(rows),
                set.dropped().orElse(List.of()));
    }

    /** The row of a boundary that is scored. */
    public Optional<BoundaryEvidence> row(int boundary) {
        return boundaries.stream().filter(row -> row.boundary() == boundary).findFirst();
    }
}
