package io.tidemark.stream.calibrator;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.rule.CalibrationState;
import io.tidemark.calibration.rule.InForce;
import io.tidemark.calibration.rule.RuleDecision;
import io.tidemark.calibration.rule.RuleEvidence;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.BoundaryRecord.Writer;
import io.tidemark.message.Certification;
import io.tidemark.stream.settings.TidemarkSettings.CalibratorSettings.Mode;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * The records of decisions: the boundary if one is published, and the decisions for people. A decision that changes
 * nothing is recorded at most once in {@link CalibratorOptions#decisionInterval} for each adapter. One instance for a
 * process. Not thread-safe; used by the calibrator's thread only.
 */
final class DecisionRecords {

    private final CalibratorOptions options;
    /** When the last decision on an adapter was recorded. */
    private final Map<String, Instant> recorded = new HashMap<>();

    DecisionRecords(CalibratorOptions options) {
        this.options = options;
    }

    /**
     * What a calibrator has decided in one transaction.
     *
     * @param before    what was in force, read when the decisions were made
     * @param decisions the first one first; may be none
     * @param conflict  which settings of another calibrator of the group differ from those of this one
     * @param batch     the batch whose examples were counted last
     */
    record DecidedBatch(
            String adapter,
            LoadedVersion version,
            RuleSnapshot before,
            List<RuleDecision> decisions,
            Optional<String> conflict,
            BoundaryRecord.Evidence batch) {

        DecidedBatch {
            decisions = List.copyOf(decisions);
        }

        /**
         * What a rollback sets afterwards: what was in force before the last move. A boundary that was never published
         * is none to return to. It is therefore full LoRA if a withdrawal precedes the move in the same transaction,
         * and what was published before the transaction otherwise.
         */
        OptionalInt boundaryBeforeMove() {
            boolean isWithdrawn = false;
            OptionalInt replaced = before.boundaryBeforeMove();
            for (RuleDecision decision : decisions) {
                if (decision.isMove()) {
                    replaced = OptionalInt.of(
                            isWithdrawn ? version.numLayers() : before.inForce().boundary());
                }
                isWithdrawn |= decision.isWithdrawal();
            }
            return replaced;
        }
    }

    /** The boundary to publish; empty if the boundary stays, and in shadow mode. */
    Optional<BoundaryRecord> boundary(DecidedBatch decided) {
        if (options.mode() == Mode.SHADOW) {
            return Optional.empty();
        }
        return decided.decisions().stream()
                .filter(RuleDecision::publishes)
                .reduce((first, second) -> second)
                .map(last -> boundary(decided, last));
    }

    private BoundaryRecord boundary(DecidedBatch decided, RuleDecision decision) {
        LoadedVersion version = decided.version();
        InForce inForce = decision.inForce();
        RuleEvidence evidence = decision.evidence();
        return BoundaryRecord.decided(
                decided.adapter(),
                inForce.boundary(),
                Writer.CALIBRATOR,
                CalibrationState.recorded(version),
                decision.reason().label(),
                decided.before().at(),
                new BoundaryRecord.Decision(
                        options.objective().written(),
                        evidence.examples(),
                        decided.before().inForce().boundary(),
                        inForce.epoch(),
                        inForce.move(),
                        inForce.examplesAtMove(),
                        decided.boundaryBeforeMove(),
                        version.computeType(),
                        inForce.test().orElseThrow().toRecord(),
                        certification(evidence),
                        evidence.row(inForce.boundary())
                                .map(RuleEvidence.BoundaryEvidence::logE)
                                .orElse(OptionalDouble.empty()),
                        evidence.boundaries().stream()
                                .map(row -> new BoundaryRecord.Score(row.boundary(), row.mean()))
                                .toList(),
                        Optional.of(decided.batch())));
    }

    private Certification certification(RuleEvidence evidence) {
        return new Certification(options.settings().alpha(), evidence.tested(), evidence.threshold());
    }

    /** The decisions to record. */
    List<BoundaryDecisionRecord> decisions(DecidedBatch decided) {
        return places(decided)
                .mapToObj(place -> toRecord(decided, decided.decisions().get(place)))
                .toList();
    }

    /** The records of the decisions are committed. */
    void committed(DecidedBatch decided) {
        if (places(decided).findAny().isPresent()) {
            recorded.put(decided.adapter(), decided.before().at());
        }
    }

    /** The places of the decisions to record: those that change something, and the last one if one is due. */
    private IntStream places(DecidedBatch decided) {
        int last = decided.decisions().size() - 1;
        return IntStream.rangeClosed(0, last).filter(place -> {
            RuleDecision decision = decided.decisions().get(place);
            return decision.publishes()
                    || decision.epochEnd().isPresent()
                    || options.decisionInterval().isZero()
                    || place == last && isDue(decided);
        });
    }

    private boolean isDue(DecidedBatch decided) {
        Instant last = recorded.get(decided.adapter());
        return last == null || !decided.before().at().isBefore(last.plus(options.decisionInterval()));
    }

    private BoundaryDecisionRecord toRecord(DecidedBatch decided, RuleDecision decision) {
        RuleEvidence evidence = decision.evidence();
        return new BoundaryDecisionRecord(
                decided.adapter(),
                CalibrationState.recorded(decided.version()),
                decided.before().at(),
                decision.before(),
                decision.inForce().boundary(),
                decision.reason().label(),
                options.objective().written(),
                decision.inForce().move(),
                new BoundaryDecisionRecord.Epoch(
                        evidence.epoch(),
                        evidence.examples(),
                        evidence.uncounted(),
                        evidence.batches(),
                        options.settings().epochExamples(),
                        decision.epochEnd().map(end -> end.name().toLowerCase(Locale.ROOT))),
                evidence.test().toRecord(),
                certification(evidence),
                new BoundaryDecisionRecord.Watch(
                        evidence.watch(), options.settings().falseAlarmExamples()),
                evidence.boundaries().stream()
                        .map(row -> new BoundaryDecisionRecord.EvidenceRow(
                                row.boundary(),
                                row.mean(),
                                row.difference(),
                                Double.isFinite(row.interval())
                                        ? OptionalDouble.of(row.interval())
                                        : OptionalDouble.empty(),
                                row.capped(),
                                row.logE(),
                                row.certified(),
                                row.sums()))
                        .toList(),
                evidence.dropped(),
                decided.conflict(),
                Optional.of(decided.batch()),
                options.mode() == Mode.PUBLISH && decision.reason() != RuleDecision.Reason.OTHER_COMPUTE_TYPE);
    }
}
