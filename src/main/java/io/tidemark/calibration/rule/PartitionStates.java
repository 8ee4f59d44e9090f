package io.tidemark.calibration.rule;

import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.message.UncountedExamples;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The epoch states of all partitions of one adapter version. The largest epoch counts; a state of an older epoch is
 * ignored until the owner of its partition writes again, except for its watch, which belongs to a move. Immutable.
 *
 * @param byPartition the states by partition of the batches. Sums of floating-point numbers depend on the order, so all
 *                    calibrators add in that of the partitions
 */
public record PartitionStates(SortedMap<Integer, EpochState> byPartition) {

    public PartitionStates {
        byPartition = new TreeMap<>(byPartition);
    }

    /** No partition has counted anything. */
    public static PartitionStates empty() {
        return new PartitionStates(new TreeMap<>());
    }

    /**
     * All units of an epoch together.
     *
     * @param set        the boundaries that no partition has dropped
     * @param units      what was counted
     * @param statistics the scores of the units that were scored, at the boundaries of the set
     */
    record Totals(
            EpochSet set,
            int batches,
            long units,
            UncountedExamples uncounted,
            CurveStatistics statistics,
            EProcesses sums) {}

    /** These states with another state of one partition. */
    public PartitionStates with(int partition, EpochState state) {
        SortedMap<Integer, EpochState> next = new TreeMap<>(byPartition);
        next.put(partition, state);
        return new PartitionStates(next);
    }

    /** The state of a partition, if it has counted anything. */
    public Optional<EpochState> of(int partition) {
        return Optional.ofNullable(byPartition.get(partition));
    }

    /** The epoch that counts, 1 at first. */
    public int epoch(InForce inForce) {
        return Math.max(
                Math.max(1, inForce.epoch()),
                all().stream().mapToInt(EpochState::epoch).max().orElse(1));
    }

    /** The number of the last move, 0 without one. Pins and tombstones erase that of the record. */
    long lastMove(InForce inForce) {
        return Math.max(
                inForce.move(),
                all().stream().mapToLong(state -> state.watch().move()).max().orElse(0));
    }

    /** The states of an epoch in the order of their partitions. */
    List<EpochState> at(int epoch) {
        return all().stream().filter(state -> state.epoch() == epoch).toList();
    }

    /** The boundaries of an epoch that no state which agrees with one has dropped. */
    EpochSet set(EpochState like) {
        return all().stream().filter(like::agrees).map(EpochState::set).reduce(like.set(), EpochSet::and);
    }

    /** The sums of all states that agree with one. */
    Totals totals(EpochState like) {
        EpochSet set = set(like);
        Totals totals = new Totals(
                set, 0, 0, UncountedExamples.NONE, CurveStatistics.empty(set.scored()), EProcesses.empty(set.scored()));
        for (EpochState state : all()) {
            if (state.agrees(like)) {
                EpochState left = state.without(set);
                totals = new Totals(
                        set,
                        totals.batches + left.batches(),
                        totals.units + left.units(),
                        totals.uncounted.plus(left.uncounted()),
                        totals.statistics.merge(left.statistics()),
                        totals.sums.merge(left.sums()));
            }
        }
        return totals;
    }

    /** The e-detector of the move in force: the sum over the partitions. */
    double watch(InForce inForce, HarmTest test) {
        return all().stream()
                .filter(state -> state.test().equals(test))
                .map(EpochState::watch)
                .filter(watch -> watch.move() == inForce.move() && watch.boundary() == inForce.boundary())
                .mapToDouble(Watch::value)
                .sum();
    }

    private Collection<EpochState> all() {
        return byPartition.values();
    }
}
