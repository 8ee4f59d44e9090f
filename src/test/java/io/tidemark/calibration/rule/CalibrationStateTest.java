package io.tidemark.calibration.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.calibration.curve.ReferenceCurve;
import io.tidemark.calibration.rule.CalibrationState.Counted;
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
    private final EpochState counting = EpochStates.counting(VERSION, scores);

    @Test
    @DisplayName("Tells a counted batch from one with the same id and other examples, also when it is read again")
    void contents() {
        CalibrationState written = state().plus("b1", "one", counting, Optional.empty());
        CalibrationState state = parse(written.key(), json(written));
        assertThat(state.counted("b1", "one")).isEqualTo(Counted.SAME);
        assertThat(state.counted("b1", "two")).isEqualTo(Counted.OTHER);
        assertThat(state.counted("b2", "one")).isEqualTo(Counted.NO);
        assertThatThrownBy(() -> state.plus("b1", "two", counting, Optional.empty()))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private static CalibrationState state() {
        return CalibrationState.empty("gsm", 0, VERSION);
    }

    @Test
    @DisplayName("Has no digest of a batch that it no longer lists, or that an older calibrator counted")
    void noContent() {
        CalibrationState state = CalibrationState.empty("gsm", 0, VERSION);
        for (int i = 0; i <= CalibrationState.MAX_COUNTED_BATCHES; i++) {
            state = state.plus("b" + i, "one", counting, Optional.empty());
        }
        assertThat(state.countedContents()).hasSize(CalibrationState.MAX_COUNTED_BATCHES);
        CalibrationState older = new CalibrationState(
                "gsm",
                0,
                state.adapterDigest(),
                state.baseModel(),
                state.baseDigest(),
                state.computeType(),
                state.numLayers(),
                state.countedBatches(),
                List.of(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Map.of());
        assertThat(older.counted("b5", "two")).isEqualTo(Counted.SAME);
    }

    @Test
    @DisplayName("A state whose epoch lacks the capped sums has no epoch, and its batches stay counted")
    void withoutCapped() {
        CalibrationState written = state().plus("b1", "one", counting, Optional.empty());
        String json = new String(json(written), StandardCharsets.UTF_8);
        String field = json.replaceFirst("(?s).*(\"capped\":\\[[^]]*],).*", "$1");
        CalibrationState read = parse(written.key(), json.replace(field, "").getBytes(StandardCharsets.UTF_8));
        assertThat(read.epoch()).isEmpty();
        assertThat(read.counted("b1", "one")).isEqualTo(Counted.SAME);
        assertThat(read.counted("b1", "two")).isEqualTo(Counted.OTHER);
    }

    @Test
    @DisplayName("A calibration state survives the JSON round trip bit by bit and has snake_case names")
    void roundTrip() {
        CalibrationState state = CalibrationState.empty("gsm", 3, VERSION)
                .plus("b1", "b8Xq0T_a", EpochStates.counting(VERSION, scores.subList(0, 7)), Optional.empty())
                .plus(
                        "b2",
                        "b8Xq0T_a",
                        counting,
                        Optional.of(InForce.rule(12, 3, 2, 48, new HarmTest(0.02, 1, 0.5, HarmTest.Unit.BATCH))))
                .claiming("b3", "b8Xq0T_a", 17);
        byte[] value = json(state);
        assertThat(parse("gsm/3/ba5e/fp32", value)).isEqualTo(state);
        assertThat(new String(value, StandardCharsets.UTF_8))
                .startsWith("{\"adapter\":\"gsm\",\"input_partition\":3,"
                        + "\"adapter_digest\":\"3fa2\",\"base_model\":\"smollm2\","
                        + "\"base_digest\":\"ba5e\",\"compute_type\":\"fp32\",\"statistics\":{\"count\":0,\"means\":[");
        assertThat(Schema.named("calibration-state").problems(value)).isEmpty();
    }

    @Test
    @DisplayName("A repeated batch counts once, also after a restart")
    void repeatedBatch() {
        CalibrationState state = state().plus("b1", "b8Xq0T_a", counting, Optional.empty());
        assertThat(parse(state.key(), json(state)).counted("b1", "b8Xq0T_a")).isEqualTo(Counted.SAME);
    }

    @Test
    @DisplayName("A new adapter version starts with an empty state, and the same version keeps its state")
    void newVersion() {
        CalibrationState state = state().plus("b1", "b8Xq0T_a", counting, Optional.empty());
        assertThat(state.forVersion(VERSION)).isSameAs(state);
        LoadedVersion retrained = new LoadedVersion("smollm2", "ba5e", "fp32", "ffff", 30);
        assertThat(state.forVersion(retrained)).isEqualTo(CalibrationState.empty("gsm", 0, retrained));
        LoadedVersion otherBase = new LoadedVersion("other", "ba5e", "fp32", "3fa2", 30);
        assertThat(state.forVersion(otherBase)).isEqualTo(CalibrationState.empty("gsm", 0, otherBase));
    }

    @Test
    @DisplayName("A calibration state stays below 160 KiB for any number and length of batch ids")
    void bounded() {
        CalibrationState state = CalibrationState.empty("gsm", 0, VERSION);
        String longName = "\u0001".repeat(250);
        for (int i = 0; i < CalibrationState.MAX_COUNTED_BATCHES + 10; i++) {
            state = state.plus(longName + i, "b8Xq0T_a", counting, Optional.empty());
        }
        assertThat(json(state)).hasSizeLessThan(160 * 1024);
        assertThat(state.counted(longName + 9, "b8Xq0T_a")).as("forgotten").isEqualTo(Counted.NO);
        assertThat(state.counted(longName + 10, "b8Xq0T_a")).as("remembered").isEqualTo(Counted.SAME);
    }

    @Test
    @DisplayName("States of another base digest or compute type have another key, and are for another version")
    void otherBase() {
        LoadedVersion tuned = new LoadedVersion("smollm2", "ffff", "fp32", "3fa2", 30);
        LoadedVersion int8 = new LoadedVersion("smollm2", "ba5e", "int8", "3fa2", 30);
        CalibrationState state = state().plus("b1", "b8Xq0T_a", counting, Optional.empty());
        for (LoadedVersion other : List.of(tuned, int8)) {
            CalibrationState of =
                    CalibrationState.empty("gsm", 0, other).plus("b2", "b8Xq0T_a", counting, Optional.empty());
            assertThat(of.key()).isNotEqualTo(state.key());
            assertThat(of.isFor(VERSION)).isFalse();
            assertThat(state.isFor(other)).isFalse();
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
                .plus("b1", "b8Xq0T_a", EpochStates.counting(version, 2), Optional.empty());
        assertThat(state.epoch()).as("its examples have no test").isEmpty();
        assertThat(new String(json(continued), StandardCharsets.UTF_8)).contains("\"note\":{\"by\":[\"x\"]}");
        assertThat(Schema.named("calibration-state").problems(json(continued))).isEmpty();
    }

    @Test
    @DisplayName("A shadow without a decision is read as it was written")
    void shadowWithoutDecision() {
        CalibrationState written = state().plus("b1", "one", counting, Optional.of(InForce.none(30)));
        assertThat(parse(written.key(), json(written)).shadow()).contains(InForce.none(30));
    }

    @Test
    @DisplayName("A decision without a batch changes what counts, and keeps batches and claim")
    void withoutBatch() {
        CalibrationState claiming =
                state().plus("b1", "one", counting, Optional.empty()).claiming("b2", "b8Xq0T_a", 17);
        EpochState later = EpochStates.counting(VERSION, scores.subList(0, 3));
        CalibrationState decided = claiming.with(later, Optional.empty());
        assertThat(decided.epoch()).contains(later);
        assertThat(decided.countedBatches()).isEqualTo(claiming.countedBatches());
        assertThat(decided.claim()).isEqualTo(claiming.claim());
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
