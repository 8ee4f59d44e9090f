package io.tidemark.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.boundary.Boundary;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.CalibrationPolicy.Current;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.TopicJson;
import io.tidemark.schema.Schema;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class CalibrationPolicyTest {

    private static final LoadedVersion LOADED = new LoadedVersion("smollm2", "ba5e", "fp32", "3fa2b1c0d9e8f7a6", 30);
    private static final Instant NOW = Instant.parse("2026-11-25T12:00:00Z");

    private static final Current FULL_LORA = new Current(Boundary.full(30), false);

    private final CurveStatistics statistics = ReferenceCurve.named("lora-gsm").statistics();

    @Test
    @DisplayName("With enough samples, the record has the chosen and the previous boundary, the curve and the samples")
    void moves() {
        Decision decision = decide(24, FULL_LORA);

        assertThat(decision.toPublish())
                .contains(new BoundaryRecord(
                        "gsm",
                        Optional.of(LOADED.digest()),
                        Optional.of("smollm2"),
                        Optional.of("ba5e"),
                        OptionalInt.of(30),
                        13,
                        Optional.of("balanced"),
                        statistics.curve().means(),
                        OptionalLong.of(24),
                        OptionalInt.of(30),
                        Optional.of("balanced, 24 samples, digest 3fa2b1c0…"),
                        Optional.of(NOW),
                        false,
                        Optional.empty()));
        assertThat(decision)
                .isInstanceOfSatisfying(
                        Decision.Chosen.class, c -> assertThat(c.moved()).isTrue());
        assertThat(Schema.named("boundary-record")
                        .problems(TopicJson.write(decision.toPublish().orElseThrow())))
                .isEmpty();
        assertThat(decision.summary())
                .isEqualTo("boundary of 'gsm' moved 30 → 13 (balanced, 24 samples, digest 3fa2b1c0…)");
    }

    @Test
    @DisplayName(
            "A choice equal to the current boundary is published with its newer curve, and does not count as a move")
    void unchanged() {
        BoundaryRecord first = decide(24, FULL_LORA).toPublish().orElseThrow();
        Decision second = decide(24, new Current(new Boundary(first.boundary()), false));
        assertThat(second)
                .isInstanceOfSatisfying(
                        Decision.Chosen.class, c -> assertThat(c.moved()).isFalse());
        assertThat(second.toPublish().orElseThrow().previousBoundary()).hasValue(13);
        assertThat(second.summary()).startsWith("boundary of 'gsm' stays at 13 (balanced");
    }

    @Test
    @DisplayName("With fewer examples than min-samples, or none, the boundary is kept")
    void tooFew() {
        assertThat(decide(25, FULL_LORA))
                .isEqualTo(new Decision.Kept("gsm", 30, Decision.Reason.TOO_FEW_SAMPLES, "24 of 25 samples"));
        assertThat(new CalibrationPolicy(new Objective.Balanced(), 2)
                        .decide("gsm", LOADED, CurveStatistics.empty(30), FULL_LORA, NOW)
                        .toPublish())
                .isEmpty();
    }

    @Test
    @DisplayName("A pinned boundary is kept")
    void pinned() {
        assertThat(decide(2, new Current(new Boundary(9), true)))
                .isEqualTo(new Decision.Kept("gsm", 9, Decision.Reason.PINNED, "pinned by hand"));
    }

    @Test
    @DisplayName("Min-samples below 2 is rejected")
    void minSamples() {
        assertThatThrownBy(() -> new CalibrationPolicy(new Objective.Quality(), 1))
                .hasMessageContaining("2 or more");
    }

    private Decision decide(int minSamples, Current current) {
        return new CalibrationPolicy(new Objective.Balanced(), minSamples)
                .decide("gsm", LOADED, statistics, current, NOW);
    }
}
