package io.tidemark.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.schema.Schema;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CalibrationStateTest {

    private static final LoadedVersion VERSION = new LoadedVersion("smollm2", "ba5e", "fp32", "3fa2", 30);

    private final List<ExampleScore> scores = ReferenceCurve.named("lora-gsm").scores();

    @Test
    @DisplayName("A calibration state survives the JSON round trip bit by bit and has snake_case names")
    void roundTrip() {
        CalibrationState state = CalibrationState.empty("gsm", 3, VERSION)
                .plus("b1", scores.subList(0, 7))
                .plus("b2", scores.subList(7, 24))
                .claiming("b3", 17);
        byte[] value = state.toJson();
        assertThat(CalibrationState.parse("gsm/3/ba5e/fp32", value)).isEqualTo(state);
        assertThat(new String(value, StandardCharsets.UTF_8))
                .startsWith(
                        "{\"adapter\":\"gsm\",\"input_partition\":3,"
                                + "\"adapter_digest\":\"3fa2\",\"base_model\":\"smollm2\","
                                + "\"base_digest\":\"ba5e\",\"compute_type\":\"fp32\",\"statistics\":{\"count\":24,\"means\":[");
        assertThat(Schema.named("calibration-state").problems(value)).isEmpty();
        assertThat(Schema.named("calibration-state").problems("{\"adapter\": \"gsm\"}"))
                .isNotEmpty();
    }

    @Test
    @DisplayName("One batch of 24 examples and eight batches of 3 with restarts give the same choices")
    void restarts() {
        CalibrationState state = CalibrationState.empty("gsm", 0, VERSION);
        for (int from = 0; from < 24; from += 3) {
            state = state.plus("batch-" + from, scores.subList(from, from + 3));
            state = CalibrationState.parse(state.key(), state.toJson());
        }
        BoundaryCurve atOnce = CurveStatistics.empty(30).plus(scores).curve();
        BoundaryCurve inParts = state.statistics().curve();
        for (String objective : List.of("quality", "balanced", "latency", "tolerance:0.05")) {
            assertThat(Objective.parse(objective).choose(inParts))
                    .isEqualTo(Objective.parse(objective).choose(atOnce));
        }
    }

    @Test
    @DisplayName("A repeated batch counts once, also after a restart")
    void repeatedBatch() {
        CalibrationState state = CalibrationState.empty("gsm", 0, VERSION).plus("b1", scores);
        assertThat(state.plus("b1", scores)).isSameAs(state);
        assertThat(CalibrationState.parse(state.key(), state.toJson()).hasCounted("b1"))
                .isTrue();
    }

    @Test
    @DisplayName("Merging adds up the partitions and ignores states of another adapter version")
    void merging() {
        CalibrationState zero = CalibrationState.empty("gsm", 0, VERSION).plus("b1", scores.subList(0, 10));
        CalibrationState one = CalibrationState.empty("gsm", 1, VERSION).plus("b2", scores.subList(10, 24));
        CalibrationState old = CalibrationState.empty(
                        "gsm", 2, new LoadedVersion("smollm2", "ba5e", "fp32", "ffff", 30))
                .plus("b3", scores);
        CurveStatistics merged = CalibrationState.merge(VERSION, List.of(one, old, zero));
        assertThat(merged.count()).isEqualTo(24);
        assertThat(merged).isEqualTo(CalibrationState.merge(VERSION, List.of(zero, one)));
        assertThat(CalibrationState.merge(VERSION, List.of())).isEqualTo(CurveStatistics.empty(30));
    }

    @Test
    @DisplayName("A new adapter version starts with an empty state, and the same version keeps its state")
    void newVersion() {
        CalibrationState state = CalibrationState.empty("gsm", 0, VERSION).plus("b1", scores);
        assertThat(state.forVersion(VERSION)).isSameAs(state);
        LoadedVersion retrained = new LoadedVersion("smollm2", "ba5e", "fp32", "ffff", 30);
        assertThat(state.forVersion(retrained)).isEqualTo(CalibrationState.empty("gsm", 0, retrained));
        LoadedVersion otherBase = new LoadedVersion("other", "ba5e", "fp32", "3fa2", 30);
        assertThat(state.forVersion(otherBase)).isEqualTo(CalibrationState.empty("gsm", 0, otherBase));
    }

    @Test
    @DisplayName("A calibration state stays below 64 KiB for any number and length of batch ids")
    void bounded() {
        CalibrationState state = CalibrationState.empty("gsm", 0, VERSION);
        String longName = "\u0001".repeat(250);
        for (int i = 0; i < CalibrationState.MAX_COUNTED_BATCHES + 10; i++) {
            state = state.plus(longName + i, List.of(scores.get(i % scores.size())));
        }
        assertThat(state.toJson()).hasSizeLessThan(64 * 1024);
        assertThat(state.hasCounted(longName + 9)).as("forgotten").isFalse();
        assertThat(state.hasCounted(longName + 10)).as("remembered").isTrue();
    }

    @Test
    @DisplayName("States of another base digest or compute type have another key and are not merged")
    void otherBase() {
        LoadedVersion tuned = new LoadedVersion("smollm2", "ffff", "fp32", "3fa2", 30);
        LoadedVersion int8 = new LoadedVersion("smollm2", "ba5e", "int8", "3fa2", 30);
        CalibrationState state = CalibrationState.empty("gsm", 0, VERSION).plus("b1", scores);
        for (LoadedVersion other : List.of(tuned, int8)) {
            CalibrationState of = CalibrationState.empty("gsm", 0, other).plus("b2", scores.subList(0, 3));
            assertThat(of.key()).isNotEqualTo(state.key());
            assertThat(CalibrationState.merge(VERSION, List.of(of, state))).isEqualTo(state.statistics());
            assertThat(CalibrationState.merge(other, List.of(of, state))).isEqualTo(of.statistics());
        }
    }

    @Test
    @DisplayName("A state without base digest is for every base of its name, and unknown fields are written again")
    void older() {
        String older =
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"3fa2\",\"base_model\":\"smollm2\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,2],\"comoments\":[1,2,3]},\"counted_batches\":[],"
                        + "\"note\":{\"by\":[\"x\"]}}";
        CalibrationState state = CalibrationState.parse("gsm/0", older.getBytes(StandardCharsets.UTF_8));
        LoadedVersion version = new LoadedVersion("smollm2", "ba5e", "fp32", "3fa2", 1);
        assertThat(state.isFor(version)).isTrue();
        assertThat(state.isFor(new LoadedVersion("other", "ba5e", "fp32", "3fa2", 1)))
                .isFalse();
        CalibrationState continued = CalibrationState.empty("gsm", 0, version)
                .plusOlder(state)
                .plus("b1", List.of(new ExampleScore(1, List.of(3.0, 4.0))));
        assertThat(continued.statistics().count()).isEqualTo(2);
        assertThat(new String(continued.toJson(), StandardCharsets.UTF_8)).contains("\"note\":{\"by\":[\"x\"]}");
        assertThat(Schema.named("calibration-state").problems(continued.toJson()))
                .isEmpty();
    }

    @Test
    @DisplayName("A state that is read and written again has the same bytes, its claim and unknown fields included")
    void sameBytes() {
        String written = "{\"adapter\":\"gsm\",\"input_partition\":3,\"adapter_digest\":\"3fa2\",\"base_model\":\"smollm2\","
                + "\"base_digest\":\"ba5e\",\"compute_type\":\"fp32\",\"statistics\":{\"count\":24,"
                + "\"means\":[-0.1,1.0E-300],\"comoments\":[0.30000000000000004,-0.0,1.7976931348623157E308]},"
                + "\"counted_batches\":[\"AAAAAAAAAAAAAAAA\",\"BBBBBBBBBBBBBBBB\"],"
                + "\"claim\":{\"batch\":\"CCCCCCCCCCCCCCCC\",\"offset\":17},"
                + "\"note\":{\"by\":[\"x\",1,2.5,null,12345678901234567890]}}";
        CalibrationState state = parse("gsm/3/ba5e/fp32", written);
        assertThat(new String(state.toJson(), StandardCharsets.UTF_8)).isEqualTo(written);
    }

    @Test
    @DisplayName("A state may have null in place of absent fields, integers as means, and a field that appears twice")
    void accepted() {
        CalibrationState state = parse(
                "gsm/0",
                "{\"adapter\":\"x\",\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"3fa2\","
                        + "\"base_model\":\"smollm2\",\"base_digest\":null,\"compute_type\":null,\"claim\":null,"
                        + "\"statistics\":{\"count\":1,\"means\":[1,2],\"comoments\":[1,2,3],\"unknown\":[]},"
                        + "\"counted_batches\":[],\"deep\":" + "[".repeat(100) + "]".repeat(100) + "}");
        assertThat(state.claim()).isEmpty();
        assertThat(state.isFor(new LoadedVersion("smollm2", "ba5e", "fp32", "3fa2", 1)))
                .isTrue();
    }

    private static CalibrationState parse(String key, String value) {
        return CalibrationState.parse(key, value.getBytes(StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @DisplayName("An invalid calibration state is rejected with a message")
    @ValueSource(
            strings = {
                "",
                "x",
                "null",
                "[]",
                "{}",
                "{\"adapter\":\"gsm\"}",
                "{\"adapter\":\"gsm\",\"input_partition\":1,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,2],\"comoments\":[1,2,3]},\"counted_batches\":[]}",
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,2],\"comoments\":[1,2]},\"counted_batches\":[]}",
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,null],\"comoments\":[1,2,3]},\"counted_batches\":[]}",
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,2],\"comoments\":[1,2,3]},\"counted_batches\":null}",
                "{\"adapter\":\"gsm\",\"input_partition\":null,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,2],\"comoments\":[1,2,3]},\"counted_batches\":[]}",
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":null,\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,2],\"comoments\":[1,2,3]},\"counted_batches\":[]}",
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":null,\"means\":[1,2],\"comoments\":[1,2,3]},\"counted_batches\":[]}",
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"means\":[1,2],\"comoments\":[1,2,3]},\"counted_batches\":[]}",
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,\"2\"],\"comoments\":[1,2,3]},\"counted_batches\":[]}",
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,NaN],\"comoments\":[1,2,3]},\"counted_batches\":[]}",
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,2],\"comoments\":[1,2,3]},\"counted_batches\":[],"
                        + "\"claim\":{\"batch\":\"b\"}}"
            })
    void broken(String value) {
        assertThatThrownBy(() -> CalibrationState.parse("gsm/0", value.getBytes(StandardCharsets.UTF_8)))
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .isNotBlank();
    }
}
