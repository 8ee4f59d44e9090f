package io.tidemark.stream.calibrator;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.HarmTest;
import io.tidemark.calibration.InForce;
import io.tidemark.calibration.RuleDecision;
import io.tidemark.calibration.RuleEvidence;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.stream.settings.TidemarkSettings.CalibratorSettings.Mode;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

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
     * @param before    what was in force
     * @param decisions the first one first; may be none
     * @param batch     the batch whose examples were counted last
     * @param now       when the decisions were made
     */
    record Decided(
            String adapter,
            LoadedVersion version,
            RuleSnapshot before,
            List<RuleDecision> decisions,
            BoundaryRecord.Evidence batch,
            Instant now) {

        Decided {
            decisions = List.copyOf(decisions);
        }
    }

    /** The boundary to publish; empty if the boundary stays, and in shadow mode. */
    Optional<BoundaryRecord> boundary(Decided decided) {
        if (options.mode() == Mode.SHADOW) {
            return Optional.empty();
        }
        return decided.decisions().stream()
                .filter(RuleDecision::publishes)
                .reduce((first, second) -> second)
                .map(last -> boundary(decided, last));
    }

    private BoundaryRecord boundary(Decided decided, RuleDecision decision) {
        LoadedVersion version = decided.version();
        InForce inForce = decision.inForce();
        RuleEvidence evidence = decision.evidence();
        HarmTest test = inForce.test().orElseThrow();
        OptionalInt beforeMove = decided.decisions().stream()
                .filter(RuleDecision::isMove)
                .mapToInt(RuleDecision::before)
                .findFirst();
        return BoundaryRecord.tested(
                decided.adapter(),
                new BoundaryRecord.Version(
                        version.digest(), version.baseModel(), version.baseDigest(), version.numLayers()),
                inForce.boundary(),
                options.objective().written(),
                evidence.examples(),
                decided.before().inForce().boundary(),
                decision.reason().label(),
                decided.now(),
                Optional.of(decided.batch()),
                new BoundaryRecord.Tested(
                        test.margin(),
                        test.lossCap(),
                        test.gainCap(),
                        test.unit().written(),
                        inForce.epoch(),
                        inForce.move(),
                        evidence.row(inForce.boundary())
                                .map(RuleEvidence.Row::logE)
                                .orElse(OptionalDouble.empty()),
                        evidence.threshold(),
                        inForce.examplesAtMove(),
                        version.computeType(),
                        beforeMove.isPresent() ? beforeMove : decided.before().boundaryBeforeMove()),
                evidence.boundaries().stream()
                        .map(row -> new BoundaryRecord.Score(row.boundary(), row.mean()))
                        .toList());
    }

    /** The decisions to record. */
    List<BoundaryDecisionRecord> decisions(Decided decided) {
        List<BoundaryDecisionRecord> records = new ArrayList<>();
        for (int i = 0; i < decided.decisions().size(); i++) {
            RuleDecision decision = decided.decisions().get(i);
            boolean isLast = i == decided.decisions().size() - 1;
            if (decision.publishes()
                    || decision.epochEnd().isPresent()
                    || options.decisionInterval().isZero()
                    || isLast && isDue(decided)) {
                records.add(toRecord(decided, decision));
            }
        }
        return records;
    }

    /** The records of the decisions are committed. */
    void committed(Decided decided) {
        if (!decisions(decided).isEmpty()) {
            recorded.put(decided.adapter(), decided.now());
        }
    }

    private boolean isDue(Decided decided) {
        Instant last = recorded.get(decided.adapter());
        return last == null || !decided.now().isBefore(last.plus(options.decisionInterval()));
    }

    private BoundaryDecisionRecord toRecord(Decided decided, RuleDecision decision) {
        LoadedVersion version = decided.version();
        RuleEvidence evidence = decision.evidence();
        HarmTest test = options.rule(version.numLayers()).settings().test();
        return new BoundaryDecisionRecord(
                decided.adapter(),
                version.digest(),
                version.baseModel(),
                version.baseDigest(),
                version.computeType(),
                version.numLayers(),
                decided.now(),
                decision.before(),
                decision.inForce().boundary(),
                decision.reason().label(),
                options.objective().written(),
                evidence.epoch(),
                decision.epochEnd().map(end -> end.name().toLowerCase(Locale.ROOT)),
                decision.inForce().move(),
                evidence.examples(),
                evidence.batches(),
                options.settings().alpha(),
                test.margin(),
                test.lossCap(),
                test.gainCap(),
                test.unit().written(),
                evidence.threshold(),
                evidence.watch(),
                options.settings().falseAlarmExamples(),
                evidence.boundaries().stream()
                        .map(row -> new BoundaryDecisionRecord.Row(
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
                Optional.of(decided.batch()),
                options.mode() == Mode.PUBLISH);
    }
}
