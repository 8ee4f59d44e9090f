package io.tidemark.stream.tables;

import io.tidemark.boundary.BoundaryRecordFormat;
import io.tidemark.boundary.TableEntry;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jboss.logging.Logger;

/**
 * The topic {@code adapter-boundaries} as a table: the last record of an adapter's key counts, whatever it holds, since
 * compaction keeps no other. Any thread may read while one writes.
 */
public final class BoundaryTable {

    private static final Logger LOG = Logger.getLogger(BoundaryTable.class);

    private final BoundaryRecordFormat format = new BoundaryRecordFormat();
    private final Map<String, Row> rows = new ConcurrentHashMap<>();
    private final AtomicLong brokenRecords = new AtomicLong();

    /** Takes one record of the topic. */
    public void apply(ConsumerRecord<byte[], byte[]> boundary) {
        if (boundary.key() == null) {
            broken(boundary, "it has no key");
            return;
        }
        String adapter = new String(boundary.key(), StandardCharsets.UTF_8);
        TableEntry entry = format.read(adapter, boundary.value());
        if (entry instanceof TableEntry.Broken broken) {
            broken(boundary, broken.message());
        }
        rows.put(adapter, new Row(entry, OptionalLong.of(boundary.offset())));
    }

    /** What the table says of an adapter at this moment. */
    public Row row(String adapter) {
        return rows.getOrDefault(adapter, Row.NEVER_WRITTEN);
    }

    /** @param offset of the record on its topic; empty when there never was one */
    public record Row(TableEntry entry, OptionalLong offset) {

        private static final Row NEVER_WRITTEN = new Row(new TableEntry.Absent(), OptionalLong.empty());
    }

    /** Records that could not be read, since the start. */
    public long brokenRecords() {
        return brokenRecords.get();
    }

    private void broken(ConsumerRecord<byte[], byte[]> boundary, String why) {
        brokenRecords.incrementAndGet();
        LOG.warnf(
                "ignored the boundary record at %s-%d@%d: %s",
                boundary.topic(), boundary.partition(), boundary.offset(), why);
    }
}
