package io.tidemark.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.CalibrationState.Counted;
import io.tidemark.message.CalibrationStateRecord;
import io.tidemark.message.TopicJson;
import io.tidemark.schema.Schema;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CalibrationStateTest {

    private static final LoadedVersion VERSION = new LoadedVersion("smollm2", "ba5e", "fp32", "3fa2", 30);

    private final List<ExampleScore> scores = ReferenceCurve.named("lora-gsm").scores();

    @Test
    @DisplayName("Tells a counted batch from one with the same id and other examples, also when it is read again")
    void contents() {
        CalibrationState written = CalibrationState.empty("gsm", 0, VERSION).plus("b1", "one", scores);
        CalibrationState state = parse(written.key(), json(written));
        assertThat(state.counted("b1", "one")).isEqualTo(Counted.SAME);
        assertThat(state.counted("b1", "two")).isEqualTo(Counted.OTHER);
        assertThat(state.counted("b2", "one")).isEqualTo(Counted.NO);
        assertThat(state.plus("b1", "two", scores)).isSameAs(state);
    }

    @Test
    @DisplayName("Has no digest of a batch that it no longer lists, or that an older calibrator counted")
    void noContent() {
        CalibrationState state = CalibrationState.empty("gsm", 0, VERSION);
        for (int i = 0; i <= CalibrationState.MAX_COUNTED_BATCHES; i++) {
            state = state.plus("b" + i, "one", List.of(scores.get(0)));
        }
        assertThat(state.countedContents()).hasSize(CalibrationState.MAX_COUNTED_BATCHES);
        CalibrationState older = new CalibrationState(
                "gsm",
                0,
                state.adapterDigest(),
                state.baseModel(),
                state.baseDigest(),
                state.computeType(),
                state.statistics(),
                state.countedBatches(),
                List.of(),
                Optional.empty(),
                Map.of());
        assertThat(older.counted("b5", "two")).isEqualTo(Counted.SAME);
    }

    @Test
    @DisplayName("A calibration state survives the JSON round trip bit by bit and has snake_case names")
    void roundTrip() {
        CalibrationState state = CalibrationState.empty("gsm", 3, VERSION)
                .plus("b1", "b8Xq0T_a", scores.subList(0, 7))
                .plus("b2", "b8Xq0T_a", scores.subList(7, 24))
                .claiming("b3", "b8Xq0T_a", 17);
        byte[] value = json(state);
        assertThat(parse("gsm/3/ba5e/fp32", value)).isEqualTo(state);
        assertThat(new String(value, StandardCharsets.UTF_8))
                .startsWith(
                        "{\"adapter\":\"gsm\",\"input_partition\":3,"
                                + "\"adapter_digest\":\"3fa2\",\"base_model\":\"smollm2\","
                                + "\"base_digest\":\"ba5e\",\"compute_type\":\"fp32\",\"statistics\":{\"count\":24,\"means\":[");
        assertThat(Schema.named("calibration-state").problems(value)).isEmpty();
    }

    @Test
    @DisplayName("One batch of 24 examples and eight batches of 3 with restarts give the same choices")
    void restarts() {
        CalibrationState state = CalibrationState.empty("gsm", 0, VERSION);
        for (int from = 0; from < 24; from += 3) {
            state = state.plus("batch-" + from, "b8Xq0T_a", scores.subList(from, from + 3));
            state = parse(state.key(), json(state));
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
        CalibrationState state = CalibrationState.empty("gsm", 0, VERSION).plus("b1", "b8Xq0T_a", scores);
        assertThat(state.plus("b1", "b8Xq0T_a", scores)).isSameAs(state);
        assertThat(parse(state.key(), json(state)).counted("b1", "b8Xq0T_a")).isEqualTo(Counted.SAME);
    }

    @Test
    @DisplayName("Merging adds up the partitions and ignores states of another adapter version")
    void merging() {
        CalibrationState zero = CalibrationState.empty("gsm", 0, VERSION).plus("b1", "b8Xq0T_a", scores.subList(0, 10));
        CalibrationState one = CalibrationState.empty("gsm", 1, VERSION).plus("b2", "b8Xq0T_a", scores.subList(10, 24));
        CalibrationState old = CalibrationState.empty(
                        "gsm", 2, new LoadedVersion("smollm2", "ba5e", "fp32", "ffff", 30))
                .plus("b3", "b8Xq0T_a", scores);
        CurveStatistics merged = CalibrationState.merge(VERSION, List.of(one, old, zero));
        assertThat(merged.count()).isEqualTo(24);
        assertThat(merged).isEqualTo(CalibrationState.merge(VERSION, List.of(zero, one)));
        assertThat(CalibrationState.merge(VERSION, List.of())).isEqualTo(CurveStatistics.empty(30));
    }

    @Test
    @DisplayName("A new adapter version starts with an empty state, and the same version keeps its state")
    void newVersion() {
        CalibrationState state = CalibrationState.empty("gsm", 0, VERSION).plus("b1", "b8Xq0T_a", scores);
        assertThat(state.forVersion(VERSION)).isSameAs(state);
        LoadedVersion retrained = new LoadedVersion("smollm2", "ba5e", "fp32", "ffff", 30);
        assertThat(state.forVersion(retrained)).isEqualTo(CalibrationState.empty("gsm", 0, retrained));
        LoadedVersion otherBase = new LoadedVersion("other", "ba5e", "fp32", "3fa2", 30);
        assertThat(state.forVersion(otherBase)).isEqualTo(CalibrationState.empty("gsm", 0, otherBase));
    }

    @Test
    @DisplayName("A calibration state stays below 128 KiB for any number and length of batch ids")
    void bounded() {
        CalibrationState state = CalibrationState.empty("gsm", 0, VERSION);
        String longName = "\u0001".repeat(250);
        for (int i = 0; i < CalibrationState.MAX_COUNTED_BATCHES + 10; i++) {
            state = state.plus(longName + i, "b8Xq0T_a", List.of(scores.get(i % scores.size())));
        }
        assertThat(json(state)).hasSizeLessThan(128 * 1024);
        assertThat(state.counted(longName + 9, "b8Xq0T_a")).as("forgotten").isEqualTo(Counted.NO);
        assertThat(state.counted(longName + 10, "b8Xq0T_a")).as("remembered").isEqualTo(Counted.SAME);
    }

    @Test
    @DisplayName("States of another base digest or compute type have another key and are not merged")
    void otherBase() {
        LoadedVersion tuned = new LoadedVersion("smollm2", "ffff", "fp32", "3fa2", 30);
        LoadedVersion int8 = new LoadedVersion("smollm2", "ba5e", "int8", "3fa2", 30);
        CalibrationState state = CalibrationState.empty("gsm", 0, VERSION).plus("b1", "b8Xq0T_a", scores);
        for (LoadedVersion other : List.of(tuned, int8)) {
            CalibrationState of = CalibrationState.empty("gsm", 0, other).plus("b2", "b8Xq0T_a", scores.subList(0, 3));
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
        CalibrationState state = parse("gsm/0", older.getBytes(StandardCharsets.UTF_8));
        LoadedVersion version = new LoadedVersion("smollm2", "ba5e", "fp32", "3fa2", 1);
        assertThat(state.isFor(version)).isTrue();
        assertThat(state.isFor(new LoadedVersion("other", "ba5e", "fp32", "3fa2", 1)))
                .isFalse();
        CalibrationState continued = CalibrationState.empty("gsm", 0, version)
                .plusOlder(state)
                .plus("b1", "b8Xq0T_a", List.of(new ExampleScore(1, List.of(3.0, 4.0))));
        assertThat(continued.statistics().count()).isEqualTo(2);
        assertThat(new String(json(continued), StandardCharsets.UTF_8)).contains("\"note\":{\"by\":[\"x\"]}");
        assertThat(Schema.named("calibration-state").problems(json(continued))).isEmpty();
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("A state with contradicting or infinite statistics is rejected with a message")
    @ValueSource(
            strings = {
                "{\"count\":1,\"means\":[1,2],\"comoments\":[1,2]}",
                "{\"count\":-1,\"means\":[1,2],\"comoments\":[1,2,3]}",
                "{\"count\":1,\"means\":[1],\"comoments\":[1]}",
                "{\"count\":1,\"means\":[1,1e999],\"comoments\":[1,2,3]}"
            })
    void broken(String statistics) {
        String value = "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                + "\"statistics\":" + statistics + ",\"counted_batches\":[]}";
        assertThatThrownBy(() -> parse("gsm/0", value.getBytes(StandardCharsets.UTF_8)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("(?s).*(inconsistent|finite).*");
    }

    private static CalibrationState parse(String key, byte[] value) {
        return CalibrationState.of(CalibrationStateRecord.parse(key, value));
    }

    private static byte[] json(CalibrationState state) {
        return TopicJson.write(state.toRecord());
    }
}
