package io.tidemark.calibration.rule;

import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.message.CalibrationEpochRecord;
import io.tidemark.message.UncountedExamples;
import java.util.List;

/**
 * What one partition of validation batches has counted in an epoch. {@link CalibrationEpochRecord} is its form on the
 * topic {@code calibration-state}; its size does not depend on the number of examples. Immutable.
 *
 * @param epoch      the number k of the epoch, from 1
 * @param test       the test of the epoch
 * @param set        the boundaries of the epoch
 * @param batches    batches of which the epoch counts at least one unit
 * @param units      what was counted: examples without a group, and groups
 * @param uncounted  examples of the batches that add nothing
 * @param statistics the scores of the units that were scored, by the place of a boundary in {@code set}
 * @param sums       the e-processes of the boundaries below L
 * @param watch      the watch of the last move that the partition has seen; its observations may be of earlier epochs
 * @param filter     the counted examples and groups
 */
public record EpochState(
        int epoch,
        HarmTest test,
        EpochSet set,
        int batches,
        long units,
        UncountedExamples uncounted,
        CurveStatistics statistics,
        EProcesses sums,
        Watch watch,
        ExampleFilter filter) {

    /** @throws IllegalArgumentException if parts are of different sizes */
    public EpochState {
        if (epoch < 1 || batches < 0) {
            throw new IllegalArgumentException("epoch must be 1 or more, and batches 0 or more");
        }
        if (units < statistics.count()) {
            throw new IllegalArgumentException(
                    "examples must be at least the count of the statistics: " + units + ", " + statistics.count());
        }
        if (statistics.numLayers() != set.scored() || sums.boundaries() != set.scored()) {
            throw new IllegalArgumentException("statistics and sums must be of L and of the " + set.scored()
                    + " boundaries of the epoch that are not dropped");
        }
    }

    /** A state without examples. */
    static EpochState begin(int epoch, HarmTest test, EpochSet set, Watch watch) {
        return new EpochState(
                epoch,
                test,
                set,
                0,
                0,
                UncountedExamples.NONE,
                CurveStatistics.empty(set.scored()),
                EProcesses.empty(set.scored()),
                watch,
                ExampleFilter.EMPTY);
    }

    /** @throws IllegalArgumentException if fields of the record contradict each other or are too large */
    public static EpochState of(CalibrationEpochRecord record) {
        EpochSet set = new EpochSet(record.candidates(), record.kept(), record.dropped());
        return new EpochState(
                record.epoch(),
                HarmTest.of(record.test()),
                set,
                record.batches(),
                record.examples(),
                record.uncounted(),
                CurveStatistics.of(record.statistics()),
                EProcesses.of(set.scored(), record.sums(), record.capped()),
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
                set.dropped(),
                batches,
                units,
                uncounted,
                statistics.toRecord(),
                sums.sums(),
                sums.capped(),
                new CalibrationEpochRecord.WatchRecord(watch.move(), watch.boundary(), watch.values()),
                filter.written());
    }

    /** Whether both states count the same things in the same epoch, so that they can be merged. */
    boolean agrees(EpochState other) {
        return epoch == other.epoch && test.equals(other.test) && set.beginsAs(other.set);
    }

    /** This state without the boundaries that another set of the same start has dropped. */
    EpochState without(EpochSet other) {
        EpochSet left = set.and(other);
        if (left.equals(set)) {
            return this;
        }
        List<Integer> places = left.boundaries().stream().map(set::indexOf).toList();
        return new EpochState(
                epoch,
                test,
                left,
                batches,
                units,
                uncounted,
                statistics.select(places),
                sums.select(places.subList(0, places.size() - 1)),
                watch,
                filter);
    }

    /**
     * This state with some units.
     *
     * @param scores   {@code [units][boundaries of the set]}, finite; no row if only L is left
     * @param observed capped differences {@code [units][boundaries below L]}
     * @param counted  the number of units
     * @param entries  what identifies the units and their examples
     * @param isFirst  whether the epoch has no unit of the batch yet
     * @param inForce  the boundary in force, which is watched if this rule put it in force
     */
    EpochState plus(
            double[][] scores,
            double[][] observed,
            int counted,
            List<ExampleFilter.Bits> entries,
            boolean isFirst,
            InForce inForce) {
        Watch watched = inForce.isWatched(set.numLayers())
                ? watchOf(inForce).plus(test, observed, set.indexOf(inForce.boundary()))
                : watch;
        return new EpochState(
                epoch,
                test,
                set,
                batches + (isFirst ? 1 : 0),
                units + counted,
                uncounted,
                scores.length == 0 ? statistics : statistics.plus(scores),
                sums.plus(test, observed),
                watched,
                filter.plus(entries));
    }

    /** This state with more examples that add nothing. */
    EpochState plus(UncountedExamples more) {
        return new EpochState(epoch, test, set, batches, units, uncounted.plus(more), statistics, sums, watch, filter);
    }

    /** The watch of the move in force; that of another move counts as 0. */
    private Watch watchOf(InForce inForce) {
        return watch.move() == inForce.move() && watch.boundary() == inForce.boundary()
                ? watch
                : Watch.begin(inForce.move(), inForce.boundary());
    }

    /** This state with a watch that begins with a move. */
    EpochState watching(long move, int boundary) {
        return new EpochState(
                epoch, test, set, batches, units, uncounted, statistics, sums, Watch.begin(move, boundary), filter);
    }

    /**
     * A state without examples for a later epoch. The watch goes on, unless another test makes its values meaningless.
     */
    EpochState next(int laterEpoch, HarmTest laterTest, EpochSet laterSet) {
        Watch kept = test.equals(laterTest) ? watch : Watch.begin(watch.move(), watch.boundary());
        return begin(laterEpoch, laterTest, laterSet, kept);
    }
}
