package io.tidemark.boundary;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.boundary.AppliedBoundary.FromTable;
import io.tidemark.boundary.AppliedBoundary.FullLora;
import io.tidemark.boundary.AppliedBoundary.Reason;
import io.tidemark.schema.Schema;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BoundaryRecordTest {

    private static final LoadedVersion LOADED = new LoadedVersion("smollm2", "ba5e", "fp32", "3fa2", 30);

    @ParameterizedTest(name = "{0} gives boundary {1}")
    @DisplayName("A boundary record applies if every field matches the loaded version")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            "boundary": 14                                                                    | 14
            "boundary": 30                                                                    | 30
            "boundary": 0                                                                     | 0
            "boundary": 14, "adapter_digest": "3fa2", "base_model": "smollm2", "num_layers": 30 | 14
            "boundary": 14, "adapter_digest": "3fa2"                                          | 14
            "boundary": 14, "base_model": "smollm2", "base_digest": "ba5e"                    | 14
            "boundary": 14, "adapter_digest": null, "base_digest": null, "num_layers": null, "unknown": []         | 14
            """)
    void applies(String fields, int boundary) {
        assertThat(AppliedBoundary.of(entry(fields), LOADED)).isEqualTo(new FromTable(new Boundary(boundary)));
    }

    @ParameterizedTest(name = "{0} gives full LoRA because of {1}")
    @DisplayName("A boundary record that does not match the loaded version gives full LoRA and the reason")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            "boundary": 14, "adapter_digest": "ffff"     | FOREIGN_DIGEST
            "boundary": 14, "base_model": "other"        | OTHER_BASE_MODEL
            "boundary": 14, "base_model": "smollm2", "base_digest": "0123" | OTHER_BASE_DIGEST
            "boundary": 14, "num_layers": 24             | OTHER_NUM_LAYERS
            "boundary": 31                               | NOT_ENOUGH_LAYERS
            "boundary": -1                               | BROKEN_RECORD
            """)
    void leavesFullLora(String fields, Reason reason) {
        assertThat(AppliedBoundary.of(entry(fields), LOADED)).isEqualTo(new FullLora(new Boundary(30), reason));
    }

    @Test
    @DisplayName("A tombstone gives full LoRA")
    void tombstone() {
        assertThat(AppliedBoundary.of(TableEntry.parse("a", null), LOADED))
                .isEqualTo(new FullLora(new Boundary(30), Reason.NO_RECORD));
    }

    @ParameterizedTest(name = "{0} is {1}")
    @DisplayName("An invalid boundary record gives an error code and no exception")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            not json                                            | invalid_json
            {"adapter": "a", "boundary": 3                      | invalid_json
            {"adapter": "a", "boundary": 3} x                   | invalid_json
            null                                                | invalid_record
            []                                                  | invalid_record
            {}                                                  | invalid_record
            {"adapter": "a"}                                    | invalid_record
            {"adapter": "a", "boundary": null}                  | invalid_record
            {"adapter": "a", "boundary": "3"}                   | invalid_record
            {"adapter": "a", "boundary": 3.5}                   | invalid_record
            {"adapter": "a", "boundary": 99999999999}           | invalid_record
            {"adapter": "a", "boundary": 5, "num_layers": 4}    | invalid_record
            {"adapter": "a", "boundary": 1, "num_layers": 2, "curve": [1, 2]} | invalid_record
            {"adapter": "a", "boundary": 1, "curve": [1, null]} | invalid_record
            {"adapter": "a", "boundary": 1, "calibrated_at": "now"} | invalid_record
            {"adapter": null, "boundary": 1}                    | invalid_record
            {"adapter": "other", "boundary": 3}                 | key_mismatch
            """)
    void broken(String value, String code) {
        assertThat(TableEntry.parse("a", value.getBytes(StandardCharsets.UTF_8)))
                .isInstanceOfSatisfying(TableEntry.Broken.class, broken -> {
                    assertThat(broken.code()).as(broken.message()).isEqualTo(code);
                    assertThat(broken.message()).isNotBlank();
                });
        assertThat(TableEntry.parse("a", new byte[] {'{', (byte) 0xff})).isInstanceOf(TableEntry.Broken.class);
        assertThat(TableEntry.parse("a", new byte[0])).isInstanceOf(TableEntry.Broken.class);
    }

    @Test
    @DisplayName(
            "A boundary record set by an operator is pinned, omits unknown fields and survives the JSON round trip")
    void byHand() {
        BoundaryRecord record = BoundaryRecord.setByHand("a", new Boundary(12), "too slow", Instant.EPOCH);
        byte[] value = record.toJson();
        assertThat(new String(value, StandardCharsets.UTF_8))
                .isEqualTo("{\"adapter\":\"a\",\"boundary\":12,"
                        + "\"reason\":\"too slow\",\"calibrated_at\":\"1970-01-01T00:00:00Z\",\"pinned\":true}");
        assertThat(TableEntry.parse("a", value)).isEqualTo(new TableEntry.Present(record));
        assertThat(Schema.named("boundary-record").problems(value)).isEmpty();
    }

    @Test
    @DisplayName("The boundary schema rejects a missing, negative or textual boundary")
    void schema() {
        Schema schema = Schema.named("boundary-record");
        assertThat(schema.problems("{\"adapter\": \"a\"}")).isNotEmpty();
        assertThat(schema.problems("{\"adapter\": \"a\", \"boundary\": -1}")).isNotEmpty();
        assertThat(schema.problems("{\"adapter\": \"a\", \"boundary\": \"3\"}")).isNotEmpty();
    }

    private TableEntry entry(String fields) {
        return TableEntry.parse("a", ("{\"adapter\": \"a\", " + fields + "}").getBytes(StandardCharsets.UTF_8));
    }
}
