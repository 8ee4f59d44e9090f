package io.tidemark.calibration.rule;

import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.message.CalibrationEpochRecord;
import java.util.List;

/**
 * What one partition of validation batches has counted in an epoch. {@link CalibrationEpochRecord} is its form on the
 * topic {@code calibration-state}; its size does not depend on the number of examples. Immutable.
 *
 * @param epoch      the number k of the epoch, from 1
 * @param test       the test of the epoch
 * @param set        the boundaries of the epoch
 * @param batches    batches of which the epoch counts at least one example
 * @param statistics the scores, by the place of a boundary in {@code set}
 * @param sums       the e-processes of the boundaries below L
 * @param watch      the watch of the last move that the partition has seen; its observations may be of earlier epochs
 * @param filter     the counted examples
 */
public record EpochState(
        int epoch,
        HarmTest test,
        EpochSet set,
        int batches,
        CurveStatistics statistics,
        EProcesses sums,
        Watch watch,
        ExampleFilter filter) {

    /** @throws IllegalArgumentException if parts are of different sizes */
    public EpochState {
        if (epoch < 1 || batches < 0) {
            throw new IllegalArgumentException("epoch must be 1 or more, and batches 0 or more");
        }
        if (statistics.numLayers() != set.tested() || sums.boundaries() != set.tested()) {
            throw new IllegalArgumentException(
                    "statistics and sums must be of the " + set.tested() + " boundaries of the" + " epoch and of L");
        }
    }

    /** A state without examples. */
    static EpochState begin(int epoch, HarmTest test, EpochSet set, Watch watch) {
        return new EpochState(
                epoch,
                test,
                set,
                0,
                CurveStatistics.empty(set.tested()),
                EProcesses.empty(set.tested()),
                watch,
                ExampleFilter.EMPTY);
    }

    /** @throws IllegalArgumentException if fields of the record contradict each other or are too large */
    public static EpochState of(CalibrationEpochRecord record) {
        EpochSet set = new EpochSet(record.candidates(), record.kept());
        return new EpochState(
                record.epoch(),
                HarmTest.of(record.test()),
                set,
                record.batches(),
                CurveStatistics.of(record.statistics()),
                EProcesses.of(set.tested(), record.sums(), record.capped()),
                new Watch(
                        record.watch().move(),
                        record.watch().boundary(),
                        record.watch().values()),
                ExampleFilter.parse(record.filter()));
    }

    /** This state as a part of a Kafka record. */
    public CalibrationEpochRecord toRecord() {
        return new CalibrationEpochRecord(
                epoch,
                test.toRecord(),
                set.candidates(),
                set.kept(),
                batches,
                statistics.toRecord(),
                sums.sums(),
                sums.capped(),
                new CalibrationEpochRecord.WatchRecord(watch.move(), watch.boundary(), watch.values()),
                filter.written());
    }

    /** Whether both states count the same things in the same epoch, so that they can be merged. */
    boolean agrees(EpochState other) {
        return epoch == other.epoch && test.equals(other.test) && set.equals(other.set);
    }

    /**
     * This state with some examples of a batch.
     *
     * @param from     the index of the first example of the part
     * @param to       the index after the last example of the part
     * @param isFirst  whether the epoch has no example of the batch yet
     * @param inForce  the boundary in force, which is watched if this rule put it in force
     */
    EpochState plus(ScoredBatch batch, int from, int to, boolean isFirst, InForce inForce) {
        double[][] scores = batch.scores(from, to, set);
        double[][] observations = observations(scores);
        Watch watched = inForce.isWatched(set.numLayers())
                ? watchOf(inForce).plus(test, observations, set.indexOf(inForce.boundary()))
                : watch;
        List<ExampleFilter.Bits> bits = batch.examples().subList(from, to).stream()
                .map(ScoredBatch.ScoredExample::bits)
                .toList();
        return new EpochState(
                epoch,
                test,
                set,
                batches + (isFirst ? 1 : 0),
                statistics.plus(scores),
                sums.plus(test, observations),
                watched,
                filter.plus(bits));
    }

    /** The watch of the move in force; that of another move counts as 0. */
    private Watch watchOf(InForce inForce) {
        return watch.move() == inForce.move() && watch.boundary() == inForce.boundary()
                ? watch
                : Watch.begin(inForce.move(), inForce.boundary());
    }

    /** Capped differences of the boundaries below L: one row per example, or their mean with the unit batch. */
    private double[][] observations(double[][] scores) {
        int tested = set.tested();
        boolean perExample = test.unit() == HarmTest.Unit.EXAMPLE;
        double[][] observations = new double[perExample ? scores.length : 1][tested];
        for (int i = 0; i < scores.length; i++) {
            for (int b = 0; b < tested; b++) {
                double z = test.capped(scores[i][b] - scores[i][tested]);
                if (perExample) {
                    observations[i][b] = z;
                } else {
                    observations[0][b] += z / scores.length;
                }
            }
        }
        return observations;
    }

    /** This state with a watch that begins with a move. */
    EpochState watching(long move, int boundary) {
        return new EpochState(epoch, test, set, batches, statistics, sums, Watch.begin(move, boundary), filter);
    }

    /**
     * A state without examples for a later epoch. The watch goes on, unless another test makes its values meaningless.
     */
    EpochState next(int laterEpoch, HarmTest laterTest, EpochSet laterSet) {
        Watch kept = test.equals(laterTest) ? watch : Watch.begin(watch.move(), watch.boundary());
        return begin(laterEpoch, laterTest, laterSet, kept);
    }
}
