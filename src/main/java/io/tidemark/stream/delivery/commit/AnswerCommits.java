package io.tidemark.stream.delivery.commit;

import io.tidemark.stream.delivery.DeliveryStatus;
import io.tidemark.stream.delivery.partition.PartitionTakeover;
import io.tidemark.stream.delivery.partition.PartitionProgress;
import io.tidemark.stream.delivery.partition.CommitMetadata;
import io.tidemark.stream.delivery.commit.AnswerTransactions.Outcome;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/**
 * Commits the pending answers of the owned partitions, one transaction after the other. After a failed transaction the
 * next one waits for a poll; after one of unknown outcome, the committed offsets tell which answers it has committed.
 *
 * <p>Used by the thread {@code tidemark-requests} only.
 */
final class AnswerCommits {

    /** Between two attempts outside of a poll. */
    private static final Duration PAUSE = Duration.ofMillis(5);
    /** The same, after a failure. */
    private static final Duration PAUSE_AFTER_FAILURE = Duration.ofMillis(100);

    private final PendingAnswers answers;
    private final PartitionTakeover takeover;
    private final String transactionalId;
    private final Map<TopicPartition, PartitionProgress> owned;
    private final Supplier<ConsumerGroupMetadata> group;
    private final DeliveryStatus status;
    private final Time time;

    /** Transactions that have failed since the last one that was committed. */
    private int failed;

    /** Whether the next attempt waits, after one that has failed. */
    private boolean backOff;

    /**
     * @param transactionalId of this process
     * @param owned           the owned partitions; a view that the session changes
     * @param group           the metadata of the group at the moment
     * @param status          told of transactions that fail
     */
    AnswerCommits(
            PendingAnswers answers,
            PartitionTakeover takeover,
            String transactionalId,
            Map<TopicPartition, PartitionProgress> owned,
            Supplier<ConsumerGroupMetadata> group,
            DeliveryStatus status,
            Time time) {
        this.answers = answers;
        this.takeover = takeover;
        this.transactionalId = transactionalId;
        this.owned = owned;
        this.group = group;
        this.status = status;
        this.time = time;
    }

    /** Finishes a transaction that has ended, and begins the next one, unless that waits for a poll. */
    void turn() {
        if (answers.hasEnded()) {
            finish();
        }
        if (!backOff) {
            begin();
        }
    }

    /** Called when a poll has ended. */
    void polled() {
        backOff = false;
    }

    /**
     * Whether a poll should return at once, because there is something to finish or to begin.
     *
     * @param arrived whether answers have arrived
     */
    boolean isDue(boolean arrived) {
        return !backOff && (arrived || answers.hasEnded() || !answers.isRunning() && needsCommit(owned.values()));
    }

    /**
     * Commits while there is something to commit: waits for the running transaction, then runs one with what is left.
     *
     * @param more      whether to go on; asked before each commit
     * @param otherwise called when nothing was left or the commit has failed
     */
    void commitWhile(BooleanSupplier more, Runnable otherwise) {
        while (more.getAsBoolean()) {
            finish();
            begin();
            if (!finish()) {
                otherwise.run();
            }
        }
    }

    /** Waits between two attempts outside of a poll: longer after a failure. */
    void pause() {
        time.sleep(backOff ? PAUSE_AFTER_FAILURE : PAUSE);
        backOff = false;
    }

    /** Why answers are not committed at the moment. A single failure is usual while the group rebalances. */
    Optional<String> disruption() {
        if (answers.isDelayed()) {
            return Optional.of("a transaction has been running for more than 10 s");
        }
        boolean waiting = answers.size() > 0 || needsCommit(owned.values());
        return failed > 1 && waiting
                ? answers.failure().map(reason -> "results can't be committed: " + reason)
                : Optional.empty();
    }

    static boolean needsCommit(Collection<PartitionProgress> partitions) {
        return partitions.stream().anyMatch(PartitionProgress::needsCommit);
    }

    private void begin() {
        answers.begin(owned.values(), group.get());
    }

    /** Waits for the end of the running transaction. Returns false if none runs or its commit failed. */
    boolean finish() {
        Optional<Outcome> outcome = answers.finish();
        if (outcome.isEmpty()) {
            return false;
        }
        if (outcome.get() == Outcome.COMMITTED) {
            failed = 0;
            return true;
        }
        failed++;
        status.transactionFailed();
        backOff = true;
        if (outcome.get() == Outcome.UNKNOWN) {
            reconcile();
        }
        return false;
    }

    /**
     * Reads from the committed offsets which results a transaction of unknown outcome has committed.
     *
     * @throws KafkaException if a partition has another owner; the next session reads what is left
     */
    private void reconcile() {
        takeover.committed(owned.keySet()).forEach((partition, offset) -> {
            PartitionProgress progress = owned.get(partition);
            CommitMetadata metadata = CommitMetadata.of(partition.toString(), offset);
            if (progress.isClaimed() && metadata.hasOtherOwner(transactionalId)) {
                throw new KafkaException("partition " + partition + " has another owner");
            }
            answers.committed(progress, progress.reconcile(offset.offset(), metadata.finished()));
        });
    }
}
