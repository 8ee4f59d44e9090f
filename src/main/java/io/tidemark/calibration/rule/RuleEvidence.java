package io.tidemark.calibration.rule;

import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.curve.StudentT;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What a decision is based on.
 *
 * @param test       the test that the numbers belong to, that of the epoch
 * @param epoch      the epoch
 * @param batches    batches of the epoch
 * @param examples   examples of the epoch
 * @param threshold  ln E from which on a boundary is certified
 * @param watch      the e-detector of the boundary in force, summed over the partitions; 0 if it is not watched
 * @param boundaries the boundaries of the epoch, ascending; the last one is L
 */
public record RuleEvidence(
        HarmTest test,
        int epoch,
        int batches,
        long examples,
        double threshold,
        double watch,
        List<BoundaryEvidence> boundaries) {

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
    }

    static RuleEvidence of(EpochState like, PartitionStates.Totals totals, double alpha, double watch) {
        EpochSet set = like.set();
        int full = set.tested();
        CurveStatistics statistics = totals.statistics();
        double threshold = EProcesses.threshold(full, like.epoch(), alpha);
        List<Integer> boundaries = set.boundaries();
        BoundaryEvidence[] rows = new BoundaryEvidence[boundaries.size()];
        long observations = like.test().unit() == HarmTest.Unit.BATCH ? totals.batches() : totals.examples();
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
                    i == full || observations == 0
                            ? OptionalDouble.empty()
                            : OptionalDouble.of(totals.sums().capped().get(i) / observations),
                    logE,
                    certified,
                    i == full ? Optional.empty() : Optional.of(totals.sums().sums(i)));
        }
        return new RuleEvidence(
                like.test(), like.epoch(), totals.batches(), statistics.count(), threshold, watch, List.of(rows));
    }

    /** K, the number of boundaries below L that are tested. */
    public int tested() {
        return boundaries.size() - 1;
    }

    /** The row of a boundary of the epoch. */
    public Optional<BoundaryEvidence> row(int boundary) {
        return boundaries.stream().filter(row -> row.boundary() == boundary).findFirst();
    }
}
