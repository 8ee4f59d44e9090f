package io.tidemark.stream.tables;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.boundary.AppliedBoundary;
import io.tidemark.boundary.AppliedBoundary.FullLora;
import io.tidemark.boundary.AppliedBoundary.Reason;
import io.tidemark.boundary.Boundary;
import io.tidemark.boundary.BoundaryRecord;
import io.tidemark.boundary.LoadedVersion;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The boundary table")
class BoundaryTableTest {

    private static final int ADAPTERS = 1000;

    private final BoundaryTable table = new BoundaryTable();
    private long offset;

    @Test
    @DisplayName(
            "Holds no memory for adapters whose record was removed, and full LoRA applies to them without an offset")
    void tombstones() {
        for (int i = 0; i < ADAPTERS; i++) {
            apply("adapter-" + i, record("adapter-" + i));
        }
        assertThat(table.size()).isEqualTo(ADAPTERS);
        for (int i = 0; i < ADAPTERS; i++) {
            apply("adapter-" + i, null);
            apply("never-written-" + i, null);
        }
        assertThat(table.size()).isZero();
        BoundaryTable.Row row = table.row("adapter-7");
        assertThat(row.offset()).isEmpty();
        assertThat(AppliedBoundary.of(row.entry(), new LoadedVersion("m", "ba5e", "fp32", "d", 4)))
                .isEqualTo(new FullLora(Boundary.full(4), Reason.NO_RECORD));
    }

    @Test
    @DisplayName("Applies a record behind a tombstone, with its own offset")
    void recordBehindTombstone() {
        apply("a", record("a"));
        apply("a", null);
        apply("a", record("a"));
        assertThat(table.row("a").offset()).hasValue(2);
        assertThat(AppliedBoundary.of(table.row("a").entry(), new LoadedVersion("m", "ba5e", "fp32", "d", 4)))
                .isEqualTo(new AppliedBoundary.FromTable(new Boundary(3)));
    }

    private static byte[] record(String adapter) {
        return BoundaryRecord.setByHand(adapter, new Boundary(3), "by hand", Instant.EPOCH)
                .toJson();
    }

    private void apply(String adapter, byte[] value) {
        table.apply(new ConsumerRecord<>("b", 0, offset++, adapter.getBytes(StandardCharsets.UTF_8), value));
    }
}
