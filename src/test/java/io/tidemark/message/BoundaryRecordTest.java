package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.schema.Schema;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("A boundary record")
class BoundaryRecordTest {

    private static final AdapterVersion VERSION = new AdapterVersion("3fa2", "smollm2", "ba5e", "fp32", 4);
    private static final BoundaryRecord CALIBRATED =
            BoundaryRecords.calibrated("a", VERSION, 3, 2, 3, OptionalInt.of(4));
    private static final BoundaryRecord RESET = BoundaryRecords.reset("a", VERSION, 2, 3);

    @Test
    @DisplayName("Of a calibrator has the version, the test and the batch, in the order of the components")
    void calibrated() {
        assertThat(CALIBRATED.pins()).isFalse();
        assertThat(CALIBRATED.scored()).contains(VERSION);
        assertThat(CALIBRATED.boundaryBeforeMove()).hasValue(4);
        assertWritten(
                CALIBRATED,
                "{\"adapter\":\"a\",\"boundary\":3,\"writer\":\"calibrator\",\"version\":{\"adapter_digest\":\"3fa2\","
                        + "\"base_model\":\"smollm2\",\"base_digest\":\"ba5e\",\"num_layers\":4},"
                        + "\"reason\":\"preferred\",\"decided_at\":\"1970-01-01T00:00:00Z\",\"decision\":{"
                        + "\"objective\":\"balanced\",\"samples\":48,\"previous_boundary\":4,\"epoch\":2,\"move\":3,"
                        + "\"examples_at_move\":48,\"boundary_before_move\":4,\"compute_type\":\"fp32\","
                        + "\"test\":{\"margin\":0.5,\"loss_cap\":1.0,\"gain_cap\":0.5},"
                        + "\"certification\":{\"alpha\":0.05,\"tested\":2,\"threshold\":4.5},\"log_e\":7.25,"
                        + "\"scores\":[{\"boundary\":0,\"mean\":-2.5},{\"boundary\":2,\"mean\":-1.0},"
                        + "{\"boundary\":4,\"mean\":-1.25}],\"evidence\":{\"batch_id\":\"b1\","
                        + "\"topic\":\"validation-batches\",\"partition\":3,\"offset\":41}}}");
    }

    @Test
    @DisplayName("Of a reset has the version and the test of its epoch, and no batch")
    void reset() {
        assertThat(RESET.pins()).isFalse();
        assertThat(RESET.scored()).contains(VERSION);
        assertThat(json(RESET)).contains("\"writer\":\"reset\"").doesNotContain("evidence");
        assertWritten(RESET, json(RESET));
    }

    @Test
    @DisplayName("Is an operator's, who pins the boundary, if it does not say who wrote it")
    void withoutWriter() {
        BoundaryRecord record = read("{\"adapter\":\"a\",\"boundary\":3}");
        assertThat(record.pins()).isTrue();
        assertWritten(record, "{\"adapter\":\"a\",\"boundary\":3,\"writer\":\"operator\"}");
    }

    @Test
    @DisplayName("May have null in place of every absent field, and unknown fields of any depth")
    void nullsAndUnknownFields() {
        assertThat(read("{\"adapter\":\"a\",\"boundary\":3,\"writer\":null,\"version\":null,\"reason\":null,"
                        + "\"decided_at\":null,\"decision\":null,\"unknown\":" + "[".repeat(100) + "]".repeat(100)
                        + "}"))
                .isEqualTo(read("{\"adapter\":\"a\",\"boundary\":3}"));
        assertThat(read("{\"adapter\":\"a\",\"boundary\":3,\"version\":{\"adapter_digest\":\"d\",\"base_model\":null,"
                                + "\"base_digest\":null,\"num_layers\":null}}")
                        .version())
                .contains(new BoundaryRecord.Version(
                        Optional.of("d"), Optional.empty(), Optional.empty(), OptionalInt.empty()));
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
            {"adapter": "a", "boundary": 5, "version": {"num_layers": 4}} | invalid_record
            {"adapter": "a", "boundary": 0, "version": {"num_layers": 0}} | invalid_record
            {"adapter": "a", "boundary": 1, "decided_at": "now"} | invalid_record
            {"adapter": "a", "boundary": 1, "writer": "someone"} | invalid_record
            {"adapter": "a", "boundary": 1, "writer": "calibrator"} | invalid_record
            {"adapter": "a", "boundary": 1, "writer": "reset"}  | invalid_record
            {"adapter": "a", "boundary": 1, "decision": {"epoch": 2, "move": 1}} | invalid_record
            {"adapter": "a", "boundary": 1, "decision": true}   | invalid_record
            {"adapter": null, "boundary": 1}                    | invalid_record
            {"adapter": "other", "boundary": 3}                 | key_mismatch
            {"adapter": "a", "boundary": 1, "boundary": 2}      | invalid_json
            {"adapter": "a", "boundary": 1, "x": 1, "x": 1}     | invalid_json
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
    @DisplayName("That is set by hand has neither a version nor a decision")
    void byHand() {
        assertWritten(
                BoundaryRecord.setByHand("a", 12, "too slow", Instant.EPOCH),
                "{\"adapter\":\"a\",\"boundary\":12,\"writer\":\"operator\","
                        + "\"reason\":\"too slow\",\"decided_at\":\"1970-01-01T00:00:00Z\"}");
    }

    @ParameterizedTest(name = "{0} becomes {1}")
    @DisplayName("Of a calibrator is broken without its test, batch or version, and with a number out of range")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            "epoch":2                | "epoch":0
            "move":3                 | "move":-1
            "samples":48             | "samples":-1
            "examples_at_move":48    | "examples_at_move":-1
            "boundary_before_move":4 | "boundary_before_move":-1
            "margin":0.5,            | ``
            "margin":0.5             | "margin":1.0
            "loss_cap":1.0           | "loss_cap":101.0
            "test":{                 | "other":{
            "certification":{        | "other":{
            "alpha":0.05             | "alpha":1.0
            "tested":2               | "tested":0
            "boundary":2,"mean":-1.0 | "boundary":2
            "mean":-1.0              | "mean":NaN
            "scores":[               | "scores":null,"other":[
            "evidence":{             | "other":{
            "base_digest":"ba5e",    | ``
            "writer":"calibrator"    | "writer":"reset"
            "writer":"calibrator",   | ``
            """)
    void invalidDecision(String valid, String invalid) {
        String json = json(CALIBRATED);
        assertThat(json).contains(valid);
        byte[] changed = json.replace(valid, invalid).getBytes(StandardCharsets.UTF_8);
        assertThat(TableEntry.parse("a", changed)).isInstanceOf(TableEntry.Broken.class);
    }

    @Test
    @DisplayName("Violates its schema with a missing, negative or textual boundary")
    void schema() {
        Schema schema = Schema.named("boundary-record");
        assertThat(schema.problems("{\"adapter\": \"a\"}")).isNotEmpty();
        assertThat(schema.problems("{\"adapter\": \"a\", \"boundary\": -1}")).isNotEmpty();
        assertThat(schema.problems("{\"adapter\": \"a\", \"boundary\": \"3\"}")).isNotEmpty();
    }

    private static String json(BoundaryRecord record) {
        return new String(TopicJson.write(record), StandardCharsets.UTF_8);
    }

    private static void assertWritten(BoundaryRecord record, String json) {
        assertThat(json(record)).isEqualTo(json);
        assertThat(read(json)).isEqualTo(record);
        assertThat(Schema.named("boundary-record").problems(json)).isEmpty();
    }

    private static BoundaryRecord read(String json) {
        return ((TableEntry.Present) TableEntry.parse("a", json.getBytes(StandardCharsets.UTF_8))).record();
    }
}
