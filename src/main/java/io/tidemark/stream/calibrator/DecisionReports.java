package io.tidemark.stream.calibrator;

import io.tidemark.calibration.rule.RuleDecision;
import io.tidemark.calibration.rule.RuleDecision.EpochEnd;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.UncountedExamples;
import io.tidemark.stream.calibrator.DecisionRecords.DecidedBatch;
import io.tidemark.text.LogFields;
import io.tidemark.text.LogText;
import java.util.HashMap;
import java.util.List;
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

    /** The offset of the last state of each adapter when this process read its states for the first time. */
    private final Map<String, Long> firstRead = new HashMap<>();

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
        UncountedExamples uncounted = scored.uncounted();
        if (uncounted.repeats() > scored.examples() || uncounted.repeatedGroups() > 0 || uncounted.refused() > 0) {
            LogFields.adapter(adapter)
                    .during(() -> LOG.warnf(
                            "batch '%s' for '%s': examples counted: %d, counted before in the epoch: %d, refused (too long, or"
                                    + " their score with full LoRA is not finite): %d; repeated groups: %d",
                            LogText.of(scored.decided().batch().batchId()),
                            LogText.of(adapter),
                            scored.examples(),
                            uncounted.repeats(),
                            uncounted.refused(),
                            uncounted.repeatedGroups()));
        }
        listener.onCounted(adapter, scored.examples(), uncounted, scored.seconds());
        decided(scored.decided());
    }

    /** The decisions are committed. */
    void decided(DecidedBatch decided) {
        if (isConflict(decided)) {
            LogFields.adapter(decided.adapter())
                    .during(() -> LOG.warnf(
                            "another calibrator of '%s' has other settings or another mode%s; give all calibrators of group"
                                    + " '%s' the same tidemark.calibrator settings",
                            LogText.of(decided.adapter()),
                            decided.conflict().map(text -> " (" + text + ")").orElse(""),
                            options.process().group()));
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

    /**
     * Which settings another calibrator of the group has that this one has not. It has written a state since this
     * process read the states of the adapter for the first time.
     */
    Optional<String> conflict(String adapter, RuleSnapshot now) {
        long first = firstRead.computeIfAbsent(
                adapter,
                read -> now.offsets().values().stream()
                        .mapToLong(Long::longValue)
                        .max()
                        .orElse(-1));
        Map<String, String> mine = options.shared();
        List<String> others = now.settings().entrySet().stream()
                .filter(state -> now.offsets().get(state.getKey()) > first)
                .flatMap(state -> state.getValue().entrySet().stream())
                .filter(setting -> !setting.getValue().equals(mine.get(setting.getKey())))
                .map(setting -> LogText.of(setting.getKey()) + " " + LogText.of(setting.getValue()) + " there, "
                        + mine.getOrDefault(setting.getKey(), "unknown") + " here")
                .distinct()
                .sorted()
                .toList();
        return others.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", others));
    }

    /** Whether another calibrator has other settings, or had begun the epoch before with such or in the other mode. */
    private boolean isConflict(DecidedBatch decided) {
        if (decided.conflict().isPresent()) {
            return true;
        }
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
