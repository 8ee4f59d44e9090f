package io.tidemark.cli.demo;

import io.tidemark.message.AdapterVersion;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.BoundaryDecisionRecord.EvidenceRow;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.Certification;
import io.tidemark.message.HarmTestRecord;
import io.tidemark.message.UncountedExamples;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/** Decisions on an adapter {@code a} of a model with four layers. */
final class SampleDecisions {

    private SampleDecisions() {}

    /** Full LoRA stays after 16 examples, moves to boundary 2 after 48, which stays after 64. */
    static List<BoundaryDecisionRecord> moved() {
        return List.of(
                decision(
                        4,
                        4,
                        16,
                        "chosen",
                        List.of(
                                tested(0, -1.5, 0.3, -2.0, false),
                                tested(1, -0.5, 0.3, -1.0, false),
                                tested(2, 0.5, 0.9, 0.2, false),
                                tested(3, 0.01, 0.04, 0.31, false),
                                full())),
                decision(
                        4,
                        2,
                        48,
                        "preferred",
                        List.of(
                                tested(0, -1.5, 0.2, -3.0, false),
                                tested(1, -0.5, 0.2, -2.0, false),
                                tested(2, 1.0, 0.2, 6.02, true),
                                tested(3, 0.5, 0.1, 5.09, true),
                                full())),
                decision(
                        2,
                        2,
                        64,
                        "chosen",
                        List.of(
                                tested(0, -1.5, 0.15, -4.0, false),
                                tested(1, -0.5, 0.15, -3.0, false),
                                tested(2, 1.0, 0.15, 8.5, true),
                                tested(3, 0.5, 0.1, 9.5, true),
                                full())));
    }

    private static EvidenceRow tested(
            int boundary, double difference, double interval, double logE, boolean isCertified) {
        return new EvidenceRow(
                boundary,
                full().mean() + difference,
                difference,
                OptionalDouble.of(interval),
                OptionalDouble.of(difference),
                OptionalDouble.of(logE),
                isCertified,
                Optional.empty());
    }

    private static EvidenceRow full() {
        return new EvidenceRow(
                4,
                -2.5,
                0,
                OptionalDouble.of(0),
                OptionalDouble.empty(),
                OptionalDouble.empty(),
                true,
                Optional.empty());
    }

    private static BoundaryDecisionRecord decision(
            int before, int boundary, int examples, String reason, List<EvidenceRow> boundaries) {
        int batches = examples / 16;
        return new BoundaryDecisionRecord(
                "a",
                new AdapterVersion("d1", "base", "b1", "fp32", 4),
                Instant.EPOCH,
                before,
                boundary,
                reason,
                "balanced",
                boundary == 4 ? 0 : 1,
                new BoundaryDecisionRecord.Epoch(1, examples, UncountedExamples.NONE, batches, 2000, Optional.empty()),
                new HarmTestRecord(0.02, 1, 0.5),
                new Certification(0.05, 4, 5.08),
                new BoundaryDecisionRecord.Watch(0, 10_000),
                boundaries,
                List.of(),
                Optional.empty(),
                Optional.of(new BoundaryRecord.Evidence("a-" + batches, "validation-batches", 2, batches - 1)),
                true);
    }
}
