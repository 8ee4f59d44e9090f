package io.tidemark.cli;

import io.tidemark.calibration.rule.EProcesses;
import io.tidemark.calibration.rule.RuleSettings;
import io.tidemark.client.CalibrationStates.State;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.CalibrationEpochRecord;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * The version that is calibrated, and the test.
 *
 * @param tested         K, the number of boundaries below full LoRA that are tested
 * @param watchThreshold the value of the e-detector that withdraws a boundary
 */
record CalibratedVersion(
        String adapterDigest,
        String baseModel,
        String baseDigest,
        String computeType,
        int numLayers,
        String objective,
        double alpha,
        double margin,
        double lossCap,
        double gainCap,
        String unit,
        int tested,
        double watchThreshold) {

    private static final String UNKNOWN_OBJECTIVE = "unknown";

    static CalibratedVersion of(BoundaryDecisionRecord decision) {
        return new CalibratedVersion(
                decision.adapterDigest(),
                decision.baseModel(),
                decision.baseDigest(),
                decision.computeType(),
                decision.numLayers(),
                decision.objective(),
                decision.alpha(),
                decision.margin(),
                decision.lossCap(),
                decision.gainCap(),
                decision.unit(),
                tested(decision.threshold(), decision.epoch(), decision.alpha()),
                decision.watchThreshold());
    }

    /** Empty for a record of an operator or of an older calibrator. */
    static Optional<CalibratedVersion> of(BoundaryRecord record) {
        if (record.test().isEmpty() || record.version().isEmpty()) {
            return Optional.empty();
        }
        BoundaryRecord.Tested test = record.test().get();
        BoundaryRecord.Version version = record.version().get();
        int scored = record.scores().isEmpty()
                ? version.numLayers()
                : record.scores().size() - 1;
        return Optional.of(new CalibratedVersion(
                version.adapterDigest(),
                version.baseModel(),
                version.baseDigest(),
                test.computeType(),
                version.numLayers(),
                record.objective().orElse(UNKNOWN_OBJECTIVE),
                RuleSettings.DEFAULT.alpha(),
                test.margin(),
                test.lossCap(),
                test.gainCap(),
                test.unit(),
                scored,
                RuleSettings.DEFAULT.falseAlarmExamples()));
    }

    /** Empty for a state without base digest or compute type. That of an older calibrator gets the default test. */
    static Optional<CalibratedVersion> of(State state) {
        if (state.baseDigest().isEmpty() || state.computeType().isEmpty() || state.numLayers() < 1) {
            return Optional.empty();
        }
        RuleSettings settings = RuleSettings.DEFAULT;
        Optional<CalibrationEpochRecord> epoch = state.epoch();
        return Optional.of(new CalibratedVersion(
                state.adapterDigest(),
                state.baseModel(),
                state.baseDigest().get(),
                state.computeType().get(),
                state.numLayers(),
                UNKNOWN_OBJECTIVE,
                settings.alpha(),
                epoch.map(CalibrationEpochRecord::margin).orElse(settings.margin()),
                epoch.map(CalibrationEpochRecord::lossCap).orElse(settings.lossCap()),
                epoch.map(CalibrationEpochRecord::gainCap).orElse(settings.gainCap()),
                epoch.map(CalibrationEpochRecord::unit).orElse(settings.unit().written()),
                epoch.map(known -> known.candidates().size() - 1)
                        .orElse(settings.candidates(state.numLayers()).size() - 1),
                settings.falseAlarmExamples()));
    }

    /** K of a threshold {@code ln(K k (k + 1) / alpha)}; decisions of a reset have no boundaries to count. */
    private static int tested(double threshold, int epoch, double alpha) {
        return (int) Math.max(1, Math.round(Math.exp(threshold) * alpha / epoch / (epoch + 1.0)));
    }

    boolean isOf(BoundaryDecisionRecord decision) {
        return decision.adapterDigest().equals(adapterDigest)
                && decision.baseDigest().equals(baseDigest)
                && decision.computeType().equals(computeType);
    }

    /** A record of another compute type applies, but counts other epochs and moves. */
    boolean isOf(BoundaryRecord record) {
        return record.adapterDigest().equals(Optional.of(adapterDigest))
                && record.baseDigest().equals(Optional.of(baseDigest));
    }

    boolean isOf(State state) {
        return state.adapterDigest().equals(adapterDigest)
                && state.baseDigest().equals(Optional.of(baseDigest))
                && state.computeType().equals(Optional.of(computeType));
    }

    /**
     * Full LoRA in a new epoch. The record names the test and no batch, which tells calibrators that an operator
     * wrote it.
     */
    BoundaryRecord record(
            String adapter, int epoch, long move, int before, OptionalInt boundaryBeforeMove, Instant now) {
        return BoundaryRecord.tested(
                adapter,
                new BoundaryRecord.Version(adapterDigest, baseModel, baseDigest, numLayers),
                numLayers,
                objective,
                0,
                before,
                BoundaryDecisionRecord.RESET,
                now,
                Optional.empty(),
                new BoundaryRecord.Tested(
                        margin,
                        lossCap,
                        gainCap,
                        unit,
                        epoch,
                        move,
                        OptionalDouble.empty(),
                        threshold(epoch),
                        0,
                        computeType,
                        boundaryBeforeMove),
                List.of());
    }

    BoundaryDecisionRecord decision(String adapter, int epoch, long move, int before, Instant now) {
        return new BoundaryDecisionRecord(
                adapter,
                adapterDigest,
                baseModel,
                baseDigest,
                computeType,
                numLayers,
                now,
                before,
                numLayers,
                BoundaryDecisionRecord.RESET,
                objective,
                epoch,
                Optional.of(BoundaryDecisionRecord.RESET),
                move,
                0,
                0,
                alpha,
                margin,
                lossCap,
                gainCap,
                unit,
                threshold(epoch),
                0,
                watchThreshold,
                OptionalInt.empty(),
                List.of(),
                Optional.empty(),
                true);
    }

    private double threshold(int epoch) {
        return EProcesses.threshold(tested, epoch, alpha);
    }
}
