package io.tidemark.calibration.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.calibration.curve.ReferenceCurve;
import io.tidemark.calibration.rule.CalibrationState.CountedBefore;
import io.tidemark.message.CalibrationStateRecord;
import io.tidemark.message.TopicJson;
import io.tidemark.schema.Schema;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.stream.Stream;
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
        assertThat(state.counted("b1", "one")).isEqualTo(CountedBefore.SAME);
        assertThat(state.counted("b1", "two")).isEqualTo(CountedBefore.OTHER);
        assertThat(state.counted("b2", "one")).isEqualTo(CountedBefore.NO);
        assertThatThrownBy(() -> state.plus("b1", "two", counting, Optional.empty()))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private static CalibrationState state() {
        return CalibrationState.empty("gsm", 0, VERSION);
    }

    @Test
    @DisplayName("A calibration state survives the JSON round trip bit by bit and has snake_case names")
    void roundTrip() {
        CalibrationState state = CalibrationState.empty("gsm", 3, VERSION)
                .plus("b1", "b8Xq0T_a", EpochStates.counting(VERSION, scores.subList(0, 7)), Optional.empty())
                .plus("b2", "b8Xq0T_a", counting, Optional.of(InForce.rule(12, 3, 2, 48, new HarmTest(0.02, 1, 0.5))))
                .claiming("b3", "b8Xq0T_a", 17);
        byte[] value = json(state);
        assertThat(parse("gsm/3/3fa2/ba5e/fp32", value)).isEqualTo(state);
        assertThat(new String(value, StandardCharsets.UTF_8))
                .startsWith("{\"adapter\":\"gsm\",\"input_partition\":3,\"version\":{\"adapter_digest\":\"3fa2\","
                        + "\"base_model\":\"smollm2\",\"base_digest\":\"ba5e\",\"compute_type\":\"fp32\","
                        + "\"num_layers\":30},\"counted_batches\":[\"");
        assertThat(Schema.named("calibration-state").problems(value)).isEmpty();
    }

    @Test
    @DisplayName("A repeated batch counts once, also after a restart")
    void repeatedBatch() {
        CalibrationState state = state().plus("b1", "b8Xq0T_a", counting, Optional.empty());
        assertThat(parse(state.key(), json(state)).counted("b1", "b8Xq0T_a")).isEqualTo(CountedBefore.SAME);
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
    @DisplayName("A calibration state stays below 64 KB with the most candidates, a full filter, and any batch ids")
    void bounded() {
        LoadedVersion large = new LoadedVersion("smollm2", "ba5e".repeat(16), "fp32", "3fa2".repeat(16), 80);
        RuleSettings settings = new RuleSettings(
                0.05,
                0.02,
                1,
                0.5,
                32,
                4,
                64,
                10_000,
                4000,
                Optional.of(Candidates.evenly(Candidates.MAX_COUNT)),
                OptionalInt.empty());
        BoundaryRule rule = new BoundaryRule(settings, Objective.parse("balanced"), 80);
        List<Integer> candidates = settings.candidates(80);
        SplittableRandom random = new SplittableRandom(3);
        PartitionStates states = PartitionStates.empty();
        InForce kept = InForce.rule(79, 1, 1, 0, settings.test());
        List<Integer> boundaries =
                Stream.concat(candidates.stream(), Stream.of(79)).sorted().toList();
        for (int batch = 0; batch < 62; batch++) {
            double[][] rows = new double[64][];
            Arrays.setAll(
                    rows,
                    i -> random.doubles(boundaries.size() - 1, -1, 1)
                            .map(x -> x * 1e-5 - 1e-7)
                            .toArray());
            states = states.with(
                    0, ((BatchCount.Counted) rule.count(states, 0, ScoredBatches.of(boundaries, rows), kept)).state());
        }
        EpochState full = states.of(0).orElseThrow();
        assertThat(full.set().boundaries()).hasSize(34);
        CalibrationState state =
                CalibrationState.empty("a".repeat(256), 0, large).by(settings.shared(Objective.parse("balanced")));
        String longName = "\u0001".repeat(250);
        for (int i = 0; i < CalibrationState.MAX_COUNTED_BATCHES + 10; i++) {
            state = state.plus(longName + i, "b8Xq0T_a", full, Optional.empty());
        }
        assertThat(json(state.claiming("next", "b8Xq0T_a", 1L << 60))).hasSizeBetween(50_000, 65_536);
        assertThat(state.counted(longName + 9, "b8Xq0T_a")).as("forgotten").isEqualTo(CountedBefore.NO);
        assertThat(state.counted(longName + 10, "b8Xq0T_a")).as("remembered").isEqualTo(CountedBefore.SAME);
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
            assertThat(of.forVersion(VERSION)).isNotEqualTo(of);
        }
    }

    @Test
    @DisplayName("Unknown fields of a state are written again with the next batch")
    void unknownFields() {
        String json = new String(json(state().plus("b1", "one", counting, Optional.empty())), StandardCharsets.UTF_8);
        String newer = json.replaceFirst("}$", ",\"note\":{\"by\":[\"x\"]}}");
        CalibrationState continued = parse(state().key(), newer.getBytes(StandardCharsets.UTF_8))
                .plus("b2", "b8Xq0T_a", counting, Optional.empty());
        assertThat(new String(json(continued), StandardCharsets.UTF_8)).contains("\"note\":{\"by\":[\"x\"]}");
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
        CalibrationState state = state().plus("b1", "one", counting, Optional.empty());
        String json = new String(json(state), StandardCharsets.UTF_8)
                .replaceFirst("\"statistics\":\\{[^}]*}", "\"statistics\":" + statistics);
        assertThatThrownBy(() -> parse(state.key(), json.getBytes(StandardCharsets.UTF_8)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("(?s).*(inconsistent|finite|must be of L).*");
    }

    @Test
    @DisplayName("A state of another number of layers than its epoch is rejected")
    void otherLayers() {
        CalibrationState state = state().plus("b1", "one", counting, Optional.empty());
        byte[] json = new String(json(state), StandardCharsets.UTF_8)
                .replace("\"num_layers\":30", "\"num_layers\":31")
                .getBytes(StandardCharsets.UTF_8);
        assertThatThrownBy(() -> parse(state.key(), json)).hasMessageContaining("31 layers");
    }

    private static CalibrationState parse(String key, byte[] value) {
        return CalibrationState.of(CalibrationStateRecord.parse(key, value));
    }

    private static byte[] json(CalibrationState state) {
        return TopicJson.write(state.toRecord());
    }
}
