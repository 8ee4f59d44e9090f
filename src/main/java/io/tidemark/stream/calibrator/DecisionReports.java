package io.tidemark.stream.calibrator;

import io.tidemark.calibration.rule.RuleDecision;
import io.tidemark.calibration.rule.RuleDecision.EpochEnd;
import io.tidemark.message.ErrorBody;
import io.tidemark.stream.calibrator.DecisionRecords.DecidedBatch;
import io.tidemark.text.LogFields;
import io.tidemark.text.LogText;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jboss.logging.Logger;

/**
 * Reports the committed outcomes of batches in the log and to the {@link CalibrationListener}. One instance for a
 * process, since it detects calibrators of the same group with other settings or another mode. Settings of a process
 * are fixed, so an epoch with other settings that follows its own comes from another calibrator. Not thread-safe; used
 * by the calibrator's thread only.
 */
final class DecisionReports {

    private static final Logger LOG = Logger.getLogger(DecisionReports.class);

    private final CalibratorOptions options;
    private final CalibrationListener listener;
    /** The digest of each adapter's last version that has an epoch with the settings of this process. */
    private final Map<String, String> own = new HashMap<>();

    DecisionReports(CalibratorOptions options, CalibrationListener listener) {
        this.options = options;
        this.listener = listener;
    }

    /** @param progress the part of the sweep of a batch that is done, 0 to 1 */
    void progress(String adapter, String batchId, double progress) {
        listener.onProgress(adapter, batchId, progress);
    }

    /** The batch is counted. */
    void counted(FinishedBatch.Scored scored) {
        String adapter = scored.decided().adapter();
        if (scored.repeats() > scored.examples()) {
            LogFields.adapter(adapter)
                    .during(() -> LOG.warnf(
                            "%d of %d examples of batch '%s' for '%s' were counted before; they add nothing within an epoch",
                            scored.repeats(),
                            scored.repeats() + scored.examples(),
                            LogText.of(scored.decided().batch().batchId()),
                            LogText.of(adapter)));
        }
        listener.onCounted(adapter, scored.examples(), scored.repeats(), scored.seconds());
        decided(scored.decided());
    }

    /** The decisions are committed. */
    void decided(DecidedBatch decided) {
        if (isConflict(decided)) {
            LogFields.adapter(decided.adapter())
                    .during(() -> LOG.warnf(
                            "another calibrator has begun an epoch of '%s' with other settings or another mode; give all"
                                    + " calibrators of group '%s' the same tidemark.calibrator settings",
                            LogText.of(decided.adapter()), options.process().group()));
            listener.onConflict(decided.adapter());
        }
        if (!decided.decisions().isEmpty()) {
            own.put(decided.adapter(), decided.version().digest());
        }
        decided.decisions().forEach(decision -> {
            LogFields.adapter(decided.adapter())
                    .withBoundary(OptionalInt.of(decision.inForce().boundary()))
                    .during(() -> LOG.info(summary(decided.adapter(), decision)));
            listener.onDecision(decided.adapter(), decision);
        });
    }

    /** The dead letter of a batch is to be committed. */
    void rejecting(ConsumerRecord<byte[], byte[]> record, ErrorBody error) {
        // without the message: that of a chat template may contain text of the batch
        LOG.warnf(
                "the batch at %s-%d@%d is rejected: %s (%s)",
                record.topic(),
                record.partition(),
                record.offset(),
                error.code(),
                LogText.of(error.param().orElse("no field")));
    }

    /** The dead letter of a batch is committed. */
    void rejected(ErrorBody error) {
        listener.onRejected(error);
    }

    /** Whether another calibrator had begun the epoch before, with other settings or in the other mode. */
    private boolean isConflict(DecidedBatch decided) {
        return !decided.decisions().isEmpty()
                && decided.version().digest().equals(own.get(decided.adapter()))
                && (decided.before().otherMode()
                        || decided.decisions().stream()
                                .map(RuleDecision::epochEnd)
                                .anyMatch(Optional.of(EpochEnd.SETTINGS)::equals));
    }

    private static String summary(String adapter, RuleDecision decision) {
        return String.format(
                "boundary of '%s': %s, %s (%d examples of epoch %d%s)",
                LogText.of(adapter),
                decision.publishes()
                        ? decision.before() + " -> " + decision.inForce().boundary()
                        : "stays " + decision.before(),
                decision.reason().label(),
                decision.evidence().examples(),
                decision.evidence().epoch(),
                decision.epochEnd().isPresent() ? ", which ends" : "");
    }
}
