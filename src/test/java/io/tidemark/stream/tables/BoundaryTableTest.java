package io.tidemark.stream.tables;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.boundary.AppliedBoundary;
import io.tidemark.boundary.AppliedBoundary.FullLora;
import io.tidemark.boundary.AppliedBoundary.FullLoraReason;
import io.tidemark.boundary.Boundary;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.TopicJson;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The boundary table")
class BoundaryTableTest {

    private static final int ADAPTERS = 1000;
    private static final LoadedVersion LOADED = new LoadedVersion("m", "ba5e", "fp32", "d", 4);

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
        BoundaryTable.BoundaryRow row = table.row("adapter-7");
        assertThat(row.offset()).isEmpty();
        assertThat(row.appliedTo(LOADED)).isEqualTo(new FullLora(Boundary.full(4), FullLoraReason.NO_RECORD));
    }

    @Test
    @DisplayName("Applies a record behind a tombstone, with its own offset")
    void recordBehindTombstone() {
        apply("a", record("a"));
        apply("a", null);
        apply("a", record("a"));
        assertThat(table.row("a").offset()).hasValue(2);
        assertThat(table.row("a").appliedTo(LOADED)).isEqualTo(new AppliedBoundary.FromTable(new Boundary(3)));
    }

    @ParameterizedTest(name = "{0} for {1} gives {2}")
    @DisplayName("Applies a record to the version that its fields name; a field that is null matches every version")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            3 | "adapter_digest": "d", "base_model": "m", "base_digest": "ba5e", "num_layers": 4 |
            3 | "adapter_digest": null, "base_digest": null, "num_layers": null, "unknown": []   |
            3 | "adapter_digest": "e" | FOREIGN_DIGEST
            3 | "base_model": "other" | OTHER_BASE_MODEL
            3 | "base_digest": "0123" | OTHER_BASE_DIGEST
            3 | "num_layers": 5       | OTHER_NUM_LAYERS
            5 | ``                    | NOT_ENOUGH_LAYERS
            -1| ``                    | BROKEN_RECORD
            """)
    void appliesToVersions(int boundary, String version, FullLoraReason fallback) {
        String json = "{\"adapter\": \"a\", \"boundary\": %d, \"version\": {%s}}".formatted(boundary, version);
        apply("a", json.getBytes(StandardCharsets.UTF_8));
        assertThat(table.row("a").appliedTo(LOADED))
                .isEqualTo(
                        fallback == null
                                ? new AppliedBoundary.FromTable(new Boundary(3))
                                : new FullLora(Boundary.full(4), fallback));
    }

    private static byte[] record(String adapter) {
        return TopicJson.write(BoundaryRecord.setByHand(adapter, 3, "by hand", Instant.EPOCH));
    }

    private void apply(String adapter, byte[] value) {
        table.apply(new ConsumerRecord<>("b", 0, offset++, adapter.getBytes(StandardCharsets.UTF_8), value));
    }
}
