package io.tidemark.stream.tables;

import io.tidemark.boundary.AppliedBoundary;
import io.tidemark.boundary.AppliedBoundary.FullLoraReason;
import io.tidemark.boundary.Boundary;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.boundary.VersionPattern;
import io.tidemark.message.TableEntry;
import io.tidemark.request.Boundaries;
import io.tidemark.text.LogText;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jboss.logging.Logger;

/**
 * The topic {@code adapter-boundaries} as a table. The last record of a key determines the entry, even if it is
 * invalid: compaction removes all earlier records. A tombstone removes the row. One thread may write while others read.
 */
public final class BoundaryTable implements Boundaries {

    private static final Logger LOG = Logger.getLogger(BoundaryTable.class);

    private final Map<String, BoundaryRow> rows = new ConcurrentHashMap<>();
    private final AtomicLong brokenRecords = new AtomicLong();

    /** Applies one record of the topic. */
    public void apply(ConsumerRecord<byte[], byte[]> boundary) {
        if (boundary.key() == null) {
            broken(boundary, "the record has no key");
            return;
        }
        String adapter = new String(boundary.key(), StandardCharsets.UTF_8);
        TableEntry entry = TableEntry.parse(adapter, boundary.value());
        if (entry instanceof TableEntry.Absent) {
            rows.remove(adapter);
            return;
        }
        if (entry instanceof TableEntry.Broken broken) {
            broken(boundary, broken.message());
        }
        rows.put(adapter, new BoundaryRow(entry, OptionalLong.of(boundary.offset())));
    }

    @Override
    public RequestBoundary of(String adapter, LoadedVersion version) {
        BoundaryRow row = row(adapter);
        AppliedBoundary applied = row.appliedTo(version);
        boolean fromTable = applied instanceof AppliedBoundary.FromTable;
        return new RequestBoundary(applied, fromTable ? row.offset() : OptionalLong.empty());
    }

    /** The current row of an adapter; {@link BoundaryRow#NO_RECORD} if it has none. */
    public BoundaryRow row(String adapter) {
        return rows.getOrDefault(adapter, BoundaryRow.NO_RECORD);
    }

    /** The number of adapters that have a record. */
    public int size() {
        return rows.size();
    }

    /** @param offset the offset of the record; empty if the adapter has none */
    public record BoundaryRow(TableEntry entry, OptionalLong offset) {

        private static final BoundaryRow NO_RECORD = new BoundaryRow(new TableEntry.Absent(), OptionalLong.empty());

        /** The boundary that this row gives a loaded version of the adapter. */
        public AppliedBoundary appliedTo(LoadedVersion loaded) {
            if (entry instanceof TableEntry.Present present) {
                VersionPattern versions = present.record()
                        .version()
                        .map(version -> new VersionPattern(
                                version.adapterDigest(),
                                version.baseModel(),
                                version.baseDigest(),
                                version.numLayers()))
                        .orElse(VersionPattern.ANY);
                return AppliedBoundary.of(new Boundary(present.record().boundary()), versions, loaded);
            }
            return AppliedBoundary.fullLora(
                    loaded,
                    entry instanceof TableEntry.Broken ? FullLoraReason.BROKEN_RECORD : FullLoraReason.NO_RECORD);
        }
    }

    /** The number of invalid records since the start. */
    public long brokenRecords() {
        return brokenRecords.get();
    }

    private void broken(ConsumerRecord<byte[], byte[]> boundary, String why) {
        brokenRecords.incrementAndGet();
        LOG.warnf(
                "the boundary record at %s-%d@%d is invalid: %s",
                boundary.topic(), boundary.partition(), boundary.offset(), LogText.of(why));
    }
}
