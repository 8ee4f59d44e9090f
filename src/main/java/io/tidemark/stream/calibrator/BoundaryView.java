package io.tidemark.stream.calibrator;

import io.tidemark.boundary.TableEntry;
import io.tidemark.stream.tables.BoundaryTable;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * The boundaries as a calibrator sees them, with a memory of the last pin of each adapter, so that it notices when a
 * calibrator's record has overtaken one. No calibrator moves a pin that it sees, so that its record behind a pin was
 * always decided before the pin came; a person takes a pin back with a tombstone or a record of their own, and then it
 * is forgotten. Belongs to the calibrator's thread.
 */
final class BoundaryView {

    private final BoundaryTable table = new BoundaryTable();
    private final Map<String, byte[]> pins = new HashMap<>();

    /** Takes one record of the topic. */
    void apply(ConsumerRecord<byte[], byte[]> boundary) {
        table.apply(boundary);
        if (boundary.key() != null) {
            String adapter = new String(boundary.key(), StandardCharsets.UTF_8);
            TableEntry entry = table.row(adapter).entry();
            if (isPinned(entry)) {
                pins.put(adapter, boundary.value());
            } else if (!isCalibrators(entry)) {
                pins.remove(adapter);
            }
        }
    }

    TableEntry entry(String adapter) {
        return table.row(adapter).entry();
    }

    /** By adapter, the pins that a calibrator's record has replaced. */
    Map<String, byte[]> overtakenPins() {
        Map<String, byte[]> overtaken = new HashMap<>(pins);
        overtaken.keySet().removeIf(adapter -> isPinned(entry(adapter)));
        return overtaken;
    }

    private static boolean isPinned(TableEntry entry) {
        return entry instanceof TableEntry.Present present && present.record().pinned();
    }

    /** A calibrator names its objective and shows the curve; a record set by hand has neither. */
    private static boolean isCalibrators(TableEntry entry) {
        return entry instanceof TableEntry.Present present
                && !present.record().pinned()
                && present.record().objective().isPresent()
                && !present.record().curve().isEmpty();
    }
}
