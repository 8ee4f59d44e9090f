package io.tidemark.calibration.rule;

import io.tidemark.boundary.AppliedBoundary;
import io.tidemark.boundary.Boundary;
import io.tidemark.boundary.VersionPattern;
import io.tidemark.message.AdapterVersion;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.BoundaryRecord.Decision;
import io.tidemark.message.BoundaryRecord.Writer;
import io.tidemark.message.CalibrationEpochRecord;
import io.tidemark.message.CalibrationStateRecord;
import io.tidemark.message.Certification;
import io.tidemark.message.HarmTestRecord;
import io.tidemark.message.UncountedExamples;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * What an operator writes to begin a new epoch with full LoRA: first the boundary record, then the decision. The number
 * of the last move stays, and so does what a rollback pins.
 *
 * @param record   the record to write to the boundary table
 * @param decision the record to write to the topic of decisions
 */
public record EpochReset(BoundaryRecord record, BoundaryDecisionRecord decision) {

    /** The version that calibrators score, and how they test its boundaries. */
    private record Calibrated(
            AdapterVersion version,
            String objective,
            HarmTestRecord test,
            double alpha,
            int tested,
            double watchThreshold,
            int epochExamples) {

        private static final RuleSettings DEFAULT = RuleSettings.DEFAULT;

        static Calibrated of(BoundaryDecisionRecord decision) {
            return new Calibrated(
                    decision.version(),
                    decision.objective(),
                    decision.test(),
                    decision.certification().alpha(),
                    decision.certification().tested(),
                    decision.watch().threshold(),
                    decision.epoch().maxExamples());
        }

        static Calibrated of(AdapterVersion version, Decision decision) {
            return new Calibrated(
                    version,
                    decision.objective(),
                    decision.test(),
                    decision.certification().alpha(),
                    decision.certification().tested(),
                    DEFAULT.falseAlarmExamples(),
                    DEFAULT.epochExamples());
        }

        static Calibrated of(CalibrationStateRecord state) {
            int numLayers = state.version().numLayers();
            Optional<CalibrationEpochRecord> epoch = state.epoch();
            return new Calibrated(
                    state.version(),
                    "unknown",
                    epoch.map(CalibrationEpochRecord::test)
                            .orElseGet(() -> DEFAULT.test().toRecord()),
                    DEFAULT.alpha(),
                    epoch.map(CalibrationEpochRecord::candidates)
                                    .orElseGet(() -> DEFAULT.candidates(numLayers))
                                    .size()
                            - 1,
                    DEFAULT.falseAlarmExamples(),
                    DEFAULT.epochExamples());
        }
    }

    /**
     * The reset that follows from what the topics have about an adapter.
     *
     * @param inForce the record of the boundary table
     * @param last    the last decision
     * @param states  the one that was written last at the end
     * @return empty if none of them names a version that calibrators score
     */
    public static Optional<EpochReset> of(
            String adapter,
            Optional<BoundaryRecord> inForce,
            Optional<BoundaryDecisionRecord> last,
            List<CalibrationStateRecord> states,
            Instant now) {
        return last.map(Calibrated::of)
                .or(() -> inForce.flatMap(record -> record.decision()
                        .map(decision -> Calibrated.of(record.scored().orElseThrow(), decision))))
                .or(() -> states.stream().reduce((first, second) -> second).map(Calibrated::of))
                .map(calibrated -> of(adapter, calibrated, inForce, last, states, now));
    }

    private static EpochReset of(
            String adapter,
            Calibrated calibrated,
            Optional<BoundaryRecord> inForce,
            Optional<BoundaryDecisionRecord> last,
            List<CalibrationStateRecord> states,
            Instant now) {
        AdapterVersion version = calibrated.version();
        Optional<BoundaryRecord> applied = inForce.filter(record -> applies(record, version));
        // a decision of another compute type counts other epochs and moves
        Optional<Decision> counted = applied.filter(record -> record.scored().equals(Optional.of(version)))
                .flatMap(BoundaryRecord::decision);
        Optional<BoundaryDecisionRecord> decided =
                last.filter(decision -> decision.version().equals(version));
        List<CalibrationEpochRecord> epochs = states.stream()
                .filter(state -> state.version().equals(version))
                .flatMap(state -> state.epoch().stream())
                .toList();
        int epoch = Math.toIntExact(1
                + largest(
                        decided.map(decision -> (long) decision.epoch().number()),
                        counted.map(decision -> (long) decision.epoch()),
                        epochs.stream().mapToLong(CalibrationEpochRecord::epoch)));
        long move = largest(
                decided.map(BoundaryDecisionRecord::move),
                counted.map(Decision::move),
                epochs.stream().mapToLong(state -> state.watch().move()));
        int before = applied.map(BoundaryRecord::boundary).orElse(version.numLayers());
        Certification certification = new Certification(
                calibrated.alpha(),
                calibrated.tested(),
                EProcesses.threshold(calibrated.tested(), epoch, calibrated.alpha()));
        return new EpochReset(
                BoundaryRecord.decided(
                        adapter,
                        version.numLayers(),
                        Writer.RESET,
                        version,
                        BoundaryDecisionRecord.RESET,
                        now,
                        new Decision(
                                calibrated.objective(),
                                0,
                                before,
                                epoch,
                                move,
                                0,
                                applied.map(BoundaryRecord::boundaryBeforeMove).orElse(OptionalInt.empty()),
                                version.computeType(),
                                calibrated.test(),
                                certification,
                                OptionalDouble.empty(),
                                List.of(),
                                Optional.empty())),
                new BoundaryDecisionRecord(
                        adapter,
                        version,
                        now,
                        before,
                        version.numLayers(),
                        BoundaryDecisionRecord.RESET,
                        calibrated.objective(),
                        move,
                        new BoundaryDecisionRecord.Epoch(
                                epoch,
                                0,
                                UncountedExamples.NONE,
                                0,
                                calibrated.epochExamples(),
                                Optional.of(BoundaryDecisionRecord.RESET)),
                        calibrated.test(),
                        certification,
                        new BoundaryDecisionRecord.Watch(0, calibrated.watchThreshold()),
                        List.of(),
                        List.of(),
                        Optional.empty(),
                        Optional.empty(),
                        true));
    }

    private static boolean applies(BoundaryRecord record, AdapterVersion version) {
        VersionPattern versions = record.version()
                .map(named -> new VersionPattern(
                        named.adapterDigest(), named.baseModel(), named.baseDigest(), named.numLayers()))
                .orElse(VersionPattern.ANY);
        return AppliedBoundary.of(new Boundary(record.boundary()), versions, CalibrationState.loaded(version))
                instanceof AppliedBoundary.FromTable;
    }

    private static long largest(Optional<Long> first, Optional<Long> second, LongStream others) {
        return LongStream.concat(
                        Stream.of(first, second).flatMap(Optional::stream).mapToLong(n -> n), others)
                .max()
                .orElse(0);
    }
}
