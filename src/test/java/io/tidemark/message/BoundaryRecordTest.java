package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.boundary.BoundaryRecord;
import io.tidemark.boundary.TableEntry;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("A boundary record")
class BoundaryRecordTest {

    @Test
    @DisplayName("Is written with all fields in the order of its components")
    void allFields() {
        BoundaryRecord record = new BoundaryRecord(
                "a",
                Optional.of("3fa2"),
                Optional.of("smollm2"),
                Optional.of("ba5e"),
                OptionalInt.of(2),
                1,
                Optional.of("balanced"),
                List.of(-2.5, -1.0, -0.1),
                OptionalLong.of(24),
                OptionalInt.of(2),
                Optional.of("balanced, 24 samples"),
                Optional.of(Instant.parse("2026-11-25T12:00:00.5Z")),
                false);
        assertWritten(
                record,
                "{\"adapter\":\"a\",\"adapter_digest\":\"3fa2\",\"base_model\":\"smollm2\",\"base_digest\":\"ba5e\","
                        + "\"num_layers\":2,\"boundary\":1,\"objective\":\"balanced\",\"curve\":[-2.5,-1.0,-0.1],"
                        + "\"samples\":24,\"previous_boundary\":2,\"reason\":\"balanced, 24 samples\","
                        + "\"calibrated_at\":\"2026-11-25T12:00:00.500Z\",\"pinned\":false}");
    }

    @Test
    @DisplayName("Is written without absent fields and without an empty curve")
    void absentFields() {
        assertWritten(read("{\"adapter\":\"a\",\"boundary\":3}"), "{\"adapter\":\"a\",\"boundary\":3,\"pinned\":false}");
    }

    @Test
    @DisplayName("May have null in place of every absent field, and unknown fields of any depth")
    void nullsAndUnknownFields() {
        assertThat(read("{\"adapter\":\"a\",\"boundary\":3,\"adapter_digest\":null,\"base_model\":null,"
                        + "\"base_digest\":null,\"num_layers\":null,\"objective\":null,\"curve\":null,\"samples\":null,"
                        + "\"previous_boundary\":null,\"reason\":null,\"calibrated_at\":null,\"pinned\":null,"
                        + "\"unknown\":" + "[".repeat(100) + "]".repeat(100) + "}"))
                .isEqualTo(read("{\"adapter\":\"a\",\"boundary\":3}"));
    }

    private static void assertWritten(BoundaryRecord record, String json) {
        assertThat(new String(record.toJson(), StandardCharsets.UTF_8)).isEqualTo(json);
        assertThat(read(json)).isEqualTo(record);
    }

    private static BoundaryRecord read(String json) {
        return ((TableEntry.Present) TableEntry.parse("a", json.getBytes(StandardCharsets.UTF_8))).record();
    }

    @ParameterizedTest(name = "{0} is {1}")
    @DisplayName("Is invalid with a field that appears twice, or a number that JSON does not have")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {"adapter": "a", "boundary": 1, "boundary": 2}                    | invalid_json
            {"adapter": "a", "boundary": 1, "x": 1, "x": 1}                   | invalid_json
            {"adapter": "a", "boundary": 1, "curve": [NaN, 1.0]}              | invalid_record
            """)
    void twice(String value, String code) {
        assertThat(TableEntry.parse("a", value.getBytes(StandardCharsets.UTF_8)))
                .isInstanceOfSatisfying(
                        TableEntry.Broken.class,
                        broken -> assertThat(broken.code()).as(broken.message()).isEqualTo(code));
    }
}
