package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.schema.Schema;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("A boundary record")
class BoundaryRecordTest {

    private static final BoundaryRecord.Tested TEST = new BoundaryRecord.Tested(
            0.02, 1, 0.5, "example", 2, 3, OptionalDouble.of(7.25), 6.5, 48, "fp32", OptionalInt.of(4));

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
                false,
                Optional.empty(),
                Optional.empty(),
                List.of());
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
        assertWritten(
                read("{\"adapter\":\"a\",\"boundary\":3}"), "{\"adapter\":\"a\",\"boundary\":3,\"pinned\":false}");
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

    @ParameterizedTest(name = "{0} is {1}")
    @DisplayName("Is broken with an error code if it is invalid, and reading it throws no exception")
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
            {"adapter": "a", "boundary": 1, "test": {"epoch": 2, "move": 1}} | invalid_record
            {"adapter": "a", "boundary": 1, "test": true}       | invalid_record
            {"adapter": "a", "boundary": 1, "scores": [{"boundary": 1}]} | invalid_record
            {"adapter": null, "boundary": 1}                    | invalid_record
            {"adapter": "other", "boundary": 3}                 | key_mismatch
            {"adapter": "a", "boundary": 1, "boundary": 2}      | invalid_json
            {"adapter": "a", "boundary": 1, "x": 1, "x": 1}     | invalid_json
            {"adapter": "a", "boundary": 1, "curve": [NaN, 1]}  | invalid_record
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
    @DisplayName("Is pinned if an operator set it, and then has no digest, curve or number of layers")
    void byHand() {
        assertWritten(
                BoundaryRecord.setByHand("a", 12, "too slow", Instant.EPOCH),
                "{\"adapter\":\"a\",\"boundary\":12,"
                        + "\"reason\":\"too slow\",\"calibrated_at\":\"1970-01-01T00:00:00Z\",\"pinned\":true}");
    }

    @Test
    @DisplayName("Has the batch, the test behind it, and scores in place of a curve if some boundaries were not scored")
    void tested() {
        BoundaryRecord record = tested(4, List.of(new BoundaryRecord.Score(0, -2.5), new BoundaryRecord.Score(4, -1)));
        assertThat(record.test()).contains(TEST);
        assertThat(record.version()).contains(new BoundaryRecord.Version("3fa2", "smollm2", "ba5e", 4));
        assertThat(record.boundaryBeforeMove()).hasValue(4);
        assertWritten(
                record,
                "{\"adapter\":\"a\",\"adapter_digest\":\"3fa2\",\"base_model\":\"smollm2\",\"base_digest\":\"ba5e\","
                        + "\"num_layers\":4,\"boundary\":3,\"objective\":\"balanced\",\"samples\":48,"
                        + "\"previous_boundary\":4,\"reason\":\"preferred\",\"calibrated_at\":\"1970-01-01T00:00:00Z\","
                        + "\"pinned\":false,\"evidence\":{\"batch_id\":\"b1\",\"topic\":\"validation-batches\","
                        + "\"partition\":3,\"offset\":41},"
                        + "\"test\":{\"margin\":0.02,\"loss_cap\":1.0,\"gain_cap\":0.5,\"unit\":\"example\",\"epoch\":2,"
                        + "\"move\":3,\"log_e\":7.25,\"threshold\":6.5,\"examples_at_move\":48,\"compute_type\":\"fp32\","
                        + "\"boundary_before_move\":4},"
                        + "\"scores\":[{\"boundary\":0,\"mean\":-2.5},{\"boundary\":4,\"mean\":-1.0}]}");
    }

    @Test
    @DisplayName("Has a curve in place of scores if all boundaries were scored")
    void allScored() {
        BoundaryRecord record = tested(
                3,
                IntStream.rangeClosed(0, 3)
                        .mapToObj(boundary -> new BoundaryRecord.Score(boundary, -boundary))
                        .toList());
        assertThat(record.scores()).isEmpty();
        assertThat(record.curve()).containsExactly(0.0, -1.0, -2.0, -3.0);
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Is broken if a number of its test is out of range, or a required field of it is absent or null")
    @CsvSource({
        "'\"epoch\":2', '\"epoch\":0'",
        "'\"move\":3', '\"move\":-1'",
        "'\"examples_at_move\":48', '\"examples_at_move\":-1'",
        "'\"boundary_before_move\":4', '\"boundary_before_move\":-1'",
        "'\"unit\":\"example\"', '\"unit\":null'",
        "'\"margin\":0.02,', ''"
    })
    void invalidTest(String valid, String invalid) {
        String json = new String(TopicJson.write(tested(4, List.of())), StandardCharsets.UTF_8);
        assertThat(json).contains(valid);
        assertThat(TableEntry.parse("a", json.replace(valid, invalid).getBytes(StandardCharsets.UTF_8)))
                .isInstanceOf(TableEntry.Broken.class);
    }

    private static BoundaryRecord tested(int numLayers, List<BoundaryRecord.Score> scores) {
        return BoundaryRecord.tested(
                "a",
                new BoundaryRecord.Version("3fa2", "smollm2", "ba5e", numLayers),
                3,
                "balanced",
                48,
                4,
                "preferred",
                Instant.EPOCH,
                Optional.of(new BoundaryRecord.Evidence("b1", "validation-batches", 3, 41)),
                TEST,
                scores);
    }

    @Test
    @DisplayName("Violates its schema with a missing, negative or textual boundary")
    void schema() {
        Schema schema = Schema.named("boundary-record");
        assertThat(schema.problems("{\"adapter\": \"a\"}")).isNotEmpty();
        assertThat(schema.problems("{\"adapter\": \"a\", \"boundary\": -1}")).isNotEmpty();
        assertThat(schema.problems("{\"adapter\": \"a\", \"boundary\": \"3\"}")).isNotEmpty();
    }

    private static void assertWritten(BoundaryRecord record, String json) {
        assertThat(new String(TopicJson.write(record), StandardCharsets.UTF_8)).isEqualTo(json);
        assertThat(read(json)).isEqualTo(record);
        assertThat(Schema.named("boundary-record").problems(json)).isEmpty();
    }

    private static BoundaryRecord read(String json) {
        return ((TableEntry.Present) TableEntry.parse("a", json.getBytes(StandardCharsets.UTF_8))).record();
    }
}
