package io.tidemark.stream.calibrator;

import io.tidemark.boundary.AppliedBoundary;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.rule.HarmTest;
import io.tidemark.calibration.rule.InForce;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.BoundaryRecord.Tested;
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
 * record of their own; the pin is then forgotten.
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
            if (isPinned(entry)) {
                pins.put(adapter, boundary.value());
            } else if (!isFromCalibrator(entry)) {
                pins.remove(adapter);
            }
        }
    }

    /**
     * The boundary that applies to a loaded version of an adapter, and what its record says about it. A pin stays a pin
     * if it names another version. The numbers of epoch and move of another compute type have no effect, since each
     * compute type has states of its own.
     */
    InForce inForce(String adapter, LoadedVersion loaded) {
        BoundaryTable.BoundaryRow row = table.row(adapter);
        int boundary = row.appliedTo(loaded).boundary().layers();
        if (isPinned(row.entry())) {
            return InForce.pinned(boundary);
        }
        Optional<BoundaryRecord> record = applied(row, loaded);
        if (record.isEmpty()) {
            return InForce.none(loaded.numLayers());
        }
        Optional<Tested> tested = record.flatMap(BoundaryRecord::test);
        Optional<HarmTest> test = tested.flatMap(BoundaryView::test);
        if (test.isEmpty()) {
            return InForce.older(boundary);
        }
        boolean sameType = tested.orElseThrow().computeType().equals(loaded.computeType());
        return new InForce(
                boundary,
                InForce.Source.RULE,
                sameType ? tested.get().epoch() : 0,
                sameType ? tested.get().move() : 0,
                sameType ? tested.get().examplesAtMove() : 0,
                test);
    }

    /** The boundary that the last move of the rule has replaced, if the record that applies names it. */
    OptionalInt boundaryBeforeMove(String adapter, LoadedVersion loaded) {
        return applied(table.row(adapter), loaded)
                .map(BoundaryRecord::boundaryBeforeMove)
                .orElse(OptionalInt.empty());
    }

    private static Optional<BoundaryRecord> applied(BoundaryTable.BoundaryRow row, LoadedVersion loaded) {
        return row.entry() instanceof TableEntry.Present present
                        && row.appliedTo(loaded) instanceof AppliedBoundary.FromTable
                ? Optional.of(present.record())
                : Optional.empty();
    }

    /** Empty for a record that no calibrator has written. */
    private static Optional<HarmTest> test(Tested tested) {
        try {
            return Optional.of(new HarmTest(
                    tested.margin(), tested.lossCap(), tested.gainCap(), HarmTest.Unit.parse(tested.unit())));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    /** The values of the pinned records that a calibrator's record has overwritten, by adapter. */
    Map<String, byte[]> overwrittenPins() {
        Map<String, byte[]> overwritten = new HashMap<>(pins);
        overwritten.keySet().removeIf(adapter -> isPinned(table.row(adapter).entry()));
        return overwritten;
    }

    private static boolean isPinned(TableEntry entry) {
        return entry instanceof TableEntry.Present present && present.record().pinned();
    }

    /**
     * Records of calibrators have an objective, and evidence or a curve. Records of operators lack one of them; that of
     * a reset names the test of its epoch, and no batch.
     */
    private static boolean isFromCalibrator(TableEntry entry) {
        return entry instanceof TableEntry.Present present
                && !present.record().pinned()
                && present.record().objective().isPresent()
                && (present.record().evidence().isPresent()
                        || !present.record().curve().isEmpty());
    }
}
