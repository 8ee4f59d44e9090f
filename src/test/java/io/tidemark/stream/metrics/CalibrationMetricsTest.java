package io.tidemark.stream.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.tidemark.calibration.rule.HarmTest;
import io.tidemark.calibration.rule.InForce;
import io.tidemark.calibration.rule.RuleDecision;
import io.tidemark.calibration.rule.RuleEvidence;
import io.tidemark.message.UncountedExamples;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The meters of the calibrator")
class CalibrationMetricsTest {

    private static final HarmTest TEST = new HarmTest(0.02, 1, 0.5);

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final CalibrationMetrics metrics = new CalibrationMetrics(registry);

    @Test
    @DisplayName("Have the certified boundaries and ln E of the last decision, and count withdrawals and epochs")
    void decisions() {
        metrics.onDecision("a", decision(RuleDecision.Reason.PREFERRED, 1, Optional.empty(), 7.5));
        assertThat(gauge("certified")).isEqualTo(1);
        assertThat(gauge("log.e")).isEqualTo(7.5);
        metrics.onDecision("a", decision(RuleDecision.Reason.ALARM, 2, Optional.of(RuleDecision.EpochEnd.ALARM), 3));
        assertThat(gauge("certified")).isZero();
        assertThat(gauge("log.e")).isNaN();
        assertThat(counter("runs", "outcome", "preferred")).isEqualTo(1);
        assertThat(counter("withdrawals", "reason", "alarm")).isEqualTo(1);
        assertThat(counter("epochs", "reason", "alarm")).isEqualTo(1);
    }

    @Test
    @DisplayName("Count examples, repeats and conflicts, and time examples without those of a batch of repeats")
    void batches() {
        metrics.onCounted("a", 4, new UncountedExamples(2, 1, 3), 8);
        metrics.onCounted("a", 0, new UncountedExamples(6, 0, 0), 0);
        metrics.onConflict("a");
        assertThat(counter("examples")).isEqualTo(4);
        assertThat(counter("repeats")).isEqualTo(8);
        assertThat(counter("repeated.groups")).isEqualTo(1);
        assertThat(counter("refused.examples")).isEqualTo(3);
        assertThat(counter("conflicts")).isEqualTo(1);
        assertThat(registry.get("tidemark.calibration.example").timer().count()).isEqualTo(1);
        assertThat(registry.get("tidemark.calibration.example").timer().totalTime(TimeUnit.SECONDS))
                .isEqualTo(2);
    }

    private double gauge(String name) {
        return registry.get("tidemark.calibration." + name)
                .tag("adapter", "a")
                .gauge()
                .value();
    }

    private double counter(String name, String... tags) {
        return registry.get("tidemark.calibration." + name).tags(tags).counter().count();
    }

    private static RuleDecision decision(
            RuleDecision.Reason reason, int boundary, Optional<RuleDecision.EpochEnd> end, double logE) {
        RuleEvidence evidence = new RuleEvidence(
                TEST,
                1,
                4,
                48,
                UncountedExamples.NONE,
                2,
                6,
                0,
                List.of(
                        row(0, OptionalDouble.of(-9), false),
                        row(1, OptionalDouble.of(logE), logE >= 6),
                        row(2, OptionalDouble.empty(), true)),
                List.of());
        return new RuleDecision(
                1, new InForce(boundary, InForce.Origin.RULE, 1, 1, 48, Optional.of(TEST)), reason, end, evidence);
    }

    private static RuleEvidence.BoundaryEvidence row(int boundary, OptionalDouble logE, boolean certified) {
        return new RuleEvidence.BoundaryEvidence(
                boundary, -1, 0, 0.1, OptionalDouble.empty(), logE, certified, Optional.empty());
    }
}
