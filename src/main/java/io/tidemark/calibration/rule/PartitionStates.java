package io.tidemark.calibration.rule;

import io.tidemark.calibration.curve.CurveStatistics;
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

    /** All examples of an epoch together. */
    record Totals(int batches, CurveStatistics statistics, EProcesses sums) {

        long examples() {
            return statistics.count();
        }
    }

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

    /** Whether the state of any partition in the epoch has counted the example. */
    boolean contains(int epoch, ExampleFilter.Bits example) {
        return at(epoch).stream().anyMatch(state -> state.filter().contains(example));
    }

    /** The sums of all states that agree with one. */
    Totals totals(EpochState like) {
        Totals totals = new Totals(
                0,
                CurveStatistics.empty(like.set().tested()),
                EProcesses.empty(like.set().tested()));
        for (EpochState state : all()) {
            if (state.agrees(like)) {
                totals = new Totals(
                        totals.batches + state.batches(),
                        totals.statistics.merge(state.statistics()),
                        totals.sums.merge(state.sums()));
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
