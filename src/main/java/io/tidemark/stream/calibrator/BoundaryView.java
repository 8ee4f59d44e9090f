package io.tidemark.stream.calibrator;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.CalibrationPolicy;
import io.tidemark.message.TableEntry;
import io.tidemark.stream.tables.BoundaryTable;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
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

    /** The boundary that applies to a loaded version of an adapter, and whether it is pinned. */
    CalibrationPolicy.Current current(String adapter, LoadedVersion loaded) {
        BoundaryTable.Row row = table.row(adapter);
        return new CalibrationPolicy.Current(row.appliedTo(loaded).boundary(), isPinned(row.entry()));
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

    /** Records of calibrators have an objective and a curve; records that operators set have neither. */
    private static boolean isFromCalibrator(TableEntry entry) {
        return entry instanceof TableEntry.Present present
                && !present.record().pinned()
                && present.record().objective().isPresent()
                && !present.record().curve().isEmpty();
    }
}
