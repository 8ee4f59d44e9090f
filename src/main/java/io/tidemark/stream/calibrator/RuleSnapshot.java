package io.tidemark.stream.calibrator;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.rule.InForce;
import io.tidemark.calibration.rule.PartitionStates;
import io.tidemark.stream.calibrator.CalibrationStateTable.CountingRow;
import io.tidemark.stream.settings.TidemarkSettings.CalibratorSettings.Mode;
import java.time.Instant;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;

/**
 * What the rule reads of the tables for one adapter version, at one time.
 *
 * @param states             the states of all partitions that have counted a batch with the rule
 * @param inForce            what is in force; in shadow mode, what would be in force
 * @param boundaryBeforeMove what a rollback sets, from the record in force
 * @param offsets            the offset of each partition's state, which tells whether it has been written since
 * @param settings           the settings behind each partition's state
 * @param otherMode          whether a calibrator in the other mode has counted in the last epoch
 * @param at                 when the tables were read
 */
record RuleSnapshot(
        PartitionStates states,
        InForce inForce,
        OptionalInt boundaryBeforeMove,
        Map<Integer, Long> offsets,
        Map<Integer, Map<String, String>> settings,
        boolean otherMode,
        Instant at) {

    RuleSnapshot {
        offsets = Map.copyOf(offsets);
        settings = Map.copyOf(settings);
    }

    /**
     * Reads the tables. Between the modes, a new epoch begins: what is in force differs, and so does what is watched.
     * In shadow mode, the last decision of any partition counts.
     */
    static RuleSnapshot of(
            CalibrationStateTable table,
            BoundaryView boundaries,
            String adapter,
            LoadedVersion version,
            Mode mode,
            Instant at) {
        List<CountingRow> rows = table.counting(adapter, version);
        PartitionStates states = PartitionStates.empty();
        Map<Integer, Long> offsets = new HashMap<>();
        for (CountingRow row : rows) {
            states = states.with(row.partition(), row.epoch());
            offsets.put(row.partition(), row.offset());
        }
        int epoch = rows.stream().mapToInt(row -> row.epoch().epoch()).max().orElse(0);
        List<CountingRow> last =
                rows.stream().filter(row -> row.epoch().epoch() == epoch).toList();
        boolean isShadow = mode == Mode.SHADOW;
        InForce found = isShadow ? wouldBe(last, version) : boundaries.inForce(adapter, version);
        boolean otherMode = last.stream().anyMatch(row -> row.shadow().isPresent() != isShadow);
        return new RuleSnapshot(
                states,
                otherMode ? fromEpoch(found, epoch + 1) : found,
                isShadow ? OptionalInt.empty() : boundaries.boundaryBeforeMove(adapter, version),
                offsets,
                rows.stream().collect(Collectors.toMap(CountingRow::partition, CountingRow::settings)),
                otherMode,
                at);
    }

    private static InForce wouldBe(List<CountingRow> rows, LoadedVersion version) {
        return rows.stream()
                .filter(row -> row.shadow().isPresent())
                .max(Comparator.<CountingRow>comparingInt(
                                row -> row.shadow().orElseThrow().epoch())
                        .thenComparing(row -> row.shadow().orElseThrow().move())
                        .thenComparing(CountingRow::offset))
                .flatMap(CountingRow::shadow)
                .orElseGet(() -> InForce.none(version.numLayers()));
    }

    private static InForce fromEpoch(InForce inForce, int epoch) {
        return new InForce(
                inForce.boundary(),
                inForce.source(),
                Math.max(inForce.epoch(), epoch),
                inForce.move(),
                0,
                inForce.test());
    }

    /** Whether any partition has a state of the epoch that counts. */
    boolean hasCounted() {
        int epoch = states.epoch(inForce);
        return states.byPartition().values().stream().anyMatch(state -> state.epoch() == epoch);
    }

    /** Whether another partition's state has been written since an earlier snapshot. */
    boolean hasNewsSince(RuleSnapshot earlier, int ownPartition) {
        return !others(ownPartition).equals(earlier.others(ownPartition));
    }

    private Map<Integer, Long> others(int ownPartition) {
        Map<Integer, Long> others = new HashMap<>(offsets);
        others.remove(ownPartition);
        return others;
    }

    /** What to write into the state of a partition in a mode. */
    static Optional<InForce> shadow(Mode mode, InForce inForce) {
        return mode == Mode.SHADOW ? Optional.of(inForce) : Optional.empty();
    }
}
