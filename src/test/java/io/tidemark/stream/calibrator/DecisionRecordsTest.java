package io.tidemark.stream.calibrator;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.rule.HarmTest;
import io.tidemark.calibration.rule.InForce;
import io.tidemark.calibration.rule.Objective;
import io.tidemark.calibration.rule.PartitionStates;
import io.tidemark.calibration.rule.RuleDecision;
import io.tidemark.calibration.rule.RuleDecision.Reason;
import io.tidemark.calibration.rule.RuleEvidence;
import io.tidemark.calibration.rule.RuleSettings;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.UncountedExamples;
import io.tidemark.stream.calibrator.DecisionRecords.DecidedBatch;
import io.tidemark.stream.settings.TidemarkSettings.CalibratorSettings.Mode;
import io.tidemark.stream.topics.TransactionalId;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The boundary record of a batch with several parts")
class DecisionRecordsTest {

    private static final int LAYERS = 30;
    private static final int PUBLISHED = 20;
    private static final int BEFORE_PUBLISHED = 25;
    private static final HarmTest TEST = RuleSettings.DEFAULT.test();

    private final DecisionRecords records = new DecisionRecords(new CalibratorOptions(
            OneThreadCalibrator.TOPICS,
            TransactionalId.ofCalibrator("group", "a"),
            RuleSettings.DEFAULT,
            Objective.parse("latency"),
            Mode.PUBLISH,
            Duration.ZERO));

    @ParameterizedTest(name = "{0}: {1}")
    @CsvSource({
        "14, 20",
        "14 12, 20",
        "14 14 12, 20",
        "30, 25",
        "14 30, 20",
        "30 14, 30",
        "14 30 16, 30",
        "14 30 16 12, 30"
    })
    @DisplayName("names what was in force before its last move, and no boundary that was never published")
    void boundaryBeforeMove(String parts, int expected) {
        int now = PUBLISHED;
        List<RuleDecision> decisions = new ArrayList<>();
        for (String part : parts.split(" ")) {
            int next = Integer.parseInt(part);
            decisions.add(decision(now, next));
            now = next;
        }
        BoundaryRecord record = records.boundary(decided(decisions)).orElseThrow();
        assertThat(record.boundary()).isEqualTo(now);
        assertThat(record.decision().orElseThrow().previousBoundary()).isEqualTo(PUBLISHED);
        assertThat(record.boundaryBeforeMove()).hasValue(expected);
    }

    /** Full LoRA is a withdrawal, and another boundary a move. */
    private static RuleDecision decision(int before, int boundary) {
        Reason reason = before == boundary ? Reason.CHOSEN : boundary == LAYERS ? Reason.ALARM : Reason.PREFERRED;
        return new RuleDecision(
                before,
                inForce(boundary),
                reason,
                Optional.empty(),
                new RuleEvidence(
                        TEST, 1, 4, 48, UncountedExamples.NONE, 2, 6, 0, List.of(row(0), row(LAYERS)), List.of()));
    }

    private static RuleEvidence.BoundaryEvidence row(int boundary) {
        return new RuleEvidence.BoundaryEvidence(
                boundary, -1, 0, 0, OptionalDouble.empty(), OptionalDouble.empty(), true, Optional.empty());
    }

    private static InForce inForce(int boundary) {
        return new InForce(boundary, InForce.Origin.RULE, 1, 1, 48, Optional.of(TEST));
    }

    private static DecidedBatch decided(List<RuleDecision> decisions) {
        return new DecidedBatch(
                "a",
                new LoadedVersion("base", "b", "fp32", "d", LAYERS),
                new RuleSnapshot(
                        PartitionStates.empty(),
                        inForce(PUBLISHED),
                        OptionalInt.of(BEFORE_PUBLISHED),
                        Map.of(),
                        Map.of(),
                        false,
                        Instant.EPOCH),
                decisions,
                Optional.empty(),
                new BoundaryRecord.Evidence("b1", "validation-batches", 0, 41));
    }
}
