package io.tidemark.stream.calibrator;

import io.tidemark.boundary.TableEntry;
import io.tidemark.stream.tables.BoundaryTable;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * The boundaries as a calibrator sees them, with a memory of the last pin of each adapter, so that it notices when a
 * record of its own has overtaken one. Belongs to the calibrator's thread.
 */
final class BoundaryView {

    private final BoundaryTable table = new BoundaryTable();
    private final Map<String, Pin> pins = new HashMap<>();
    private long seen;

    /** @param at how many records had been seen before it */
    private record Pin(byte[] value, long at) {
    }

    /** Takes one record of the topic. */
    void apply(ConsumerRecord<byte[], byte[]> boundary) {
        table.apply(boundary);
        if (boundary.key() != null) {
            String adapter = new String(boundary.key(), StandardCharsets.UTF_8);
            TableEntry entry = table.row(adapter).entry();
            if (isPinned(entry)) {
                pins.put(adapter, new Pin(boundary.value(), seen));
            } else if (entry instanceof TableEntry.Absent) {
                pins.remove(adapter);
            }
        }
        seen++;
    }

    TableEntry entry(String adapter) {
        return table.row(adapter).entry();
    }

    /** How many records were seen so far: a moment to compare with. */
    long seen() {
        return seen;
    }

    /** A pin that came after {@code moment} and that a calibrator's record has replaced since. */
    Optional<byte[]> overtakenPin(String adapter, long moment) {
        return Optional.ofNullable(pins.get(adapter)).filter(pin -> pin.at() >= moment)
                .filter(pin -> !isPinned(entry(adapter))).map(Pin::value);
    }

    private static boolean isPinned(TableEntry entry) {
        return entry instanceof TableEntry.Present present && present.record().pinned();
    }
}
