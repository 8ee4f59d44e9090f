package io.tidemark.stream.calibrator;

import io.tidemark.boundary.AppliedBoundary;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.rule.HarmTest;
import io.tidemark.calibration.rule.InForce;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.BoundaryRecord.Decision;
import io.tidemark.message.BoundaryRecord.Writer;
import io.tidemark.message.TableEntry;
import io.tidemark.stream.tables.BoundaryTable;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * The boundary table with the last pinned record of each adapter, to detect pins that a calibrator has overwritten.
 *
 * <p>A calibrator does not replace a pin that it has read. A calibrator's record behind a pin was therefore decided
 * before the pin was written, and the pin must be published again. An operator removes a pin with a tombstone or with a
 * reset; the pin is then forgotten.
 *
 * <p>Not thread-safe; used by the calibrator's thread only.
 */
final class BoundaryView {

    private final BoundaryTable table = new BoundaryTable();
    private final Map<String, byte[]> pins = new HashMap<>();

    /** Applies one record of the topic {@code adapter-boundaries}. */
    void apply(ConsumerRecord<byte[], byte[]> boundary) {
        table.apply(boundary);
        if (boundary.key() != null) {
            String adapter = new String(boundary.key(), StandardCharsets.UTF_8);
            TableEntry entry = table.row(adapter).entry();
            Optional<BoundaryRecord> record = record(entry);
            if (isPinned(record)) {
                pins.put(adapter, boundary.value());
            } else if (record.filter(written -> written.writer() == Writer.CALIBRATOR)
                    .isEmpty()) {
                pins.remove(adapter);
            }
        }
    }

    /**
     * The boundary that applies to a loaded version of an adapter, and what its record says about it. A pin stays a pin
     * if it names another version. Only calibrators of the record's compute type may replace it.
     */
    InForce inForce(String adapter, LoadedVersion loaded) {
        BoundaryTable.BoundaryRow row = table.row(adapter);
        int boundary = row.appliedTo(loaded).boundary().layers();
        if (isPinned(record(row.entry()))) {
            return InForce.pinned(boundary);
        }
        Optional<Decision> applied = applied(row, loaded).flatMap(BoundaryRecord::decision);
        if (applied.isEmpty()) {
            return InForce.none(loaded.numLayers());
        }
        Decision decision = applied.get();
        return decision.computeType().equals(loaded.computeType())
                ? new InForce(
                        boundary,
                        InForce.Origin.RULE,
                        decision.epoch(),
                        decision.move(),
                        decision.examplesAtMove(),
                        Optional.of(HarmTest.of(decision.test())))
                : InForce.ofOtherComputeType(boundary);
    }

    /** The boundary that the last move of the rule has replaced, if the record that applies names it. */
    OptionalInt boundaryBeforeMove(String adapter, LoadedVersion loaded) {
        return applied(table.row(adapter), loaded)
                .map(BoundaryRecord::boundaryBeforeMove)
                .orElse(OptionalInt.empty());
    }

    private static Optional<BoundaryRecord> applied(BoundaryTable.BoundaryRow row, LoadedVersion loaded) {
        return row.appliedTo(loaded) instanceof AppliedBoundary.FromTable ? record(row.entry()) : Optional.empty();
    }

    /** The values of the pinned records that a calibrator's record has overwritten, by adapter. */
    Map<String, byte[]> overwrittenPins() {
        Map<String, byte[]> overwritten = new HashMap<>(pins);
        overwritten
                .keySet()
                .removeIf(adapter -> isPinned(record(table.row(adapter).entry())));
        return overwritten;
    }

    private static boolean isPinned(Optional<BoundaryRecord> record) {
        return record.filter(BoundaryRecord::pins).isPresent();
    }

    private static Optional<BoundaryRecord> record(TableEntry entry) {
        return entry instanceof TableEntry.Present present ? Optional.of(present.record()) : Optional.empty();
    }
}
