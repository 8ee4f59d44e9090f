package io.tidemark.stream.calibrator;

import io.tidemark.message.ErrorBody;
import io.tidemark.stream.calibrator.DecisionRecords.DecidedBatch;
import io.tidemark.stream.settings.TidemarkSettings.TopicSettings;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.ReadLimits;
import java.time.Duration;
import java.util.Collection;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jboss.logging.Logger;

/**
 * The clients of a calibrator, and the life cycle of its batches, one after the other: their attempts, how a batch is
 * released, and the commit of its outcome. {@link BatchCalibration} handles a batch. A batch takes effect exactly once:
 * its calibration state, its boundary record and the offset behind it are committed in one transaction, and the state
 * contains the ids of its batches.
 *
 * <p>Each arrow is a commit. It moves the group's offset behind a batch that is done, and keeps the offset otherwise.
 * Attempts are {@link BatchAttempts}, in the metadata of the offset.
 *
 * <pre>
 *   polled ── attempts, name of the process ──> open
 *   polled ── dead letter ────────────────────> done     it has failed three times
 *   open   ── state that claims the batch ────> open     before the sweep
 *   open   ── {@link FinishedBatch} ───────────────────> done     scored or rejected
 *   open   ── attempts ───────────────────────> polled   stop, revocation, failed engine, exception of a client
 *   open   ── attempts + 1 ───────────────────> polled   other exception, Error, or records that are too large
 *   open   ── nothing ────────────────────────> polled   lost partition, dead process, or failed commit of the
 *                                                        outcome: another process adds 1
 * </pre>
 *
 * <p>Transactions that follow the outcome, for pins and for a second decision, leave the batch done if they fail. An
 * exception of a Kafka client ends the session. All methods are called by one thread.
 */
final class CalibratorSession implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(CalibratorSession.class);
    private static final Duration RELEASE_TIMEOUT = Duration.ofSeconds(5);
    /** One batch at a time; batches are not read ahead. */
    private static final ReadLimits READS = new ReadLimits(1, 1 << 20, TopicSettings.MAX_RECORD_BYTES);

    private final String process;
    private final BooleanSupplier isRunning;
    private final Consumer<byte[], byte[]> consumer;
    private final GroupMembership membership;
    private final CalibratorTables tables;
    private final OutcomeTransactions transactions;
    private final BatchCalibration calibration;
    private final DecisionReports reports;

    private boolean assigned;

    /** The batch that is being handled. Empty from the moment at which the commit that ends its handling begins. */
    private Optional<OpenBatch> open = Optional.empty();

    /** @param attempts what is committed if the batch is to be read again without a failure of its own */
    private record OpenBatch(ConsumerRecord<byte[], byte[]> record, BatchAttempts attempts) {

        TopicPartition partition() {
            return new TopicPartition(record.topic(), record.partition());
        }
    }

    /**
     * Joins the group with the first {@link #turn}.
     *
     * @param process   a random name of the process
     * @param isRunning false ends a sweep early
     */
    CalibratorSession(
            CalibratorOptions options,
            String process,
            BooleanSupplier isRunning,
            KafkaThread thread,
            BatchScorer scorer,
            DecisionRecords records,
            DecisionReports reports) {
        this.process = process;
        this.isRunning = isRunning;
        this.reports = reports;
        // one record, because each is handled before the next poll
        consumer = thread.kafka()
                .newGroupMember(options.process().group(), options.process().id(), READS, "earliest");
        membership = new GroupMembership(consumer, thread.time());
        try {
            tables = new CalibratorTables(thread, options.topics());
        } catch (RuntimeException e) {
            consumer.close();
            throw e;
        }
        try {
            transactions =
                    new OutcomeTransactions(thread.kafka(), options.process(), options.topics(), records, consumer);
        } catch (RuntimeException e) {
            tables.close();
            consumer.close();
            throw e;
        }
        calibration = new BatchCalibration(options, scorer, reports, membership, tables, transactions, thread.time());
        membership.join(options.topics().validationTopics().names(), new GroupMembership.Changes() {
            @Override
            public void assigned() {
                tables.refreshStates();
                tables.refreshBoundaries();
                assigned = true;
            }

            @Override
            public void revoked(Collection<TopicPartition> partitions) {
                open.filter(batch -> partitions.contains(batch.partition())).ifPresent(CalibratorSession.this::release);
            }
        });
    }

    /**
     * Polls once, and handles the batch that was found.
     *
     * @param joined called before the batch is handled, if the session is a member of the group
     * @throws SweepAbandonedException if the batch was abandoned and this session still owns its partition
     */
    void turn(Runnable joined) throws SweepAbandonedException {
        ConsumerRecords<byte[], byte[]> batches = membership.poll();
        if (membership.isMember()) {
            joined.run();
        }
        if (assigned) {
            assigned = false;
            calibration.restorePins();
        }
        for (ConsumerRecord<byte[], byte[]> batch : batches) {
            handle(batch);
        }
    }

    private void handle(ConsumerRecord<byte[], byte[]> record) throws SweepAbandonedException {
        OpenBatch batch = new OpenBatch(record, attemptsOf(record).foundBy(process));
        if (batch.attempts().isExhausted()) {
            reject(
                    record,
                    ErrorBody.serverError(
                            "batch_failed",
                            "the batch failed " + batch.attempts().failures()
                                    + " times with an unexpected error or the death of the calibrator"));
            return;
        }
        try {
            BatchAttempts running = batch.attempts().startedIn(process);
            transactions.keep(record, running);
            open = Optional.of(batch);
            Optional<DecidedBatch> decided = finish(batch, running);
            if (decided.isPresent()) {
                calibration.restorePins();
                calibration.decideAgain(record, decided.get()).ifPresent(again -> {
                    reports.decided(again);
                    calibration.restorePins();
                });
            }
        } finally {
            membership.resume();
        }
    }

    /** Handles the open batch and commits its outcome. Empty if it was rejected, or abandoned with its partition. */
    private Optional<DecidedBatch> finish(OpenBatch batch, BatchAttempts running) throws SweepAbandonedException {
        ConsumerRecord<byte[], byte[]> record = batch.record();
        try {
            FinishedBatch outcome = calibration.claimAndScore(record, running, progress -> {
                membership.keepAlive();
                return isRunning.getAsBoolean() && membership.owns(batch.partition());
            });
            open = Optional.empty();
            return commit(record, outcome);
        } catch (SweepAbandonedException e) {
            LOG.infof("abandoned the batch at %s-%d@%d", record.topic(), record.partition(), record.offset());
            open.filter(abandoned -> membership.owns(abandoned.partition())).ifPresent(this::release);
            open = Optional.empty();
            if (isRunning.getAsBoolean() && membership.owns(batch.partition())) {
                // the consumer's position is behind the batch: a new session reads it again
                throw e;
            }
            return Optional.empty();
        } catch (KafkaException e) {
            if (OutcomeTransactions.isTooLarge(e)) {
                // the state or the boundary record of the batch is too large: the batch has failed; close() commits
                // that
                open = Optional.of(new OpenBatch(record, batch.attempts().failed()));
            }
            throw e;
        } catch (RuntimeException | Error e) {
            if (open.isPresent()) {
                fail(batch, e);
            }
            throw e;
        }
    }

    /** Commits the outcome of a batch and reports it. Empty for a batch that is rejected. */
    private Optional<DecidedBatch> commit(ConsumerRecord<byte[], byte[]> record, FinishedBatch outcome) {
        if (outcome instanceof FinishedBatch.Scored scored) {
            transactions.publish(record, scored);
            reports.counted(scored);
            return Optional.of(scored.decided());
        }
        reject(record, ((FinishedBatch.RejectedBatch) outcome).error());
        return Optional.empty();
    }

    private void reject(ConsumerRecord<byte[], byte[]> record, ErrorBody error) {
        reports.rejecting(record, error);
        transactions.reject(record, error);
        reports.rejected(error);
    }

    private BatchAttempts attemptsOf(ConsumerRecord<byte[], byte[]> record) {
        return membership
                .committed(new TopicPartition(record.topic(), record.partition()))
                .filter(committed -> committed.offset() == record.offset())
                .map(committed -> BatchAttempts.parse(committed.metadata()))
                .orElse(BatchAttempts.NONE);
    }

    /** Commits that the process no longer works on the batch, and that this is no failure. */
    private void release(OpenBatch batch) {
        open = Optional.empty();
        transactions.keep(batch.record(), batch.attempts());
    }

    /** Commits that the batch has failed once more. */
    private void fail(OpenBatch batch, Throwable failure) {
        open = Optional.empty();
        try {
            transactions.keep(batch.record(), batch.attempts().failed());
        } catch (KafkaException e) {
            failure.addSuppressed(e);
        }
    }

    @Override
    public void close() {
        try (consumer;
                tables) {
            transactions.close();
            open.ifPresent(this::releaseWithoutTransactions);
        }
    }

    /** Does what {@link #release} does, after a failure of the producer or the tables. */
    private void releaseWithoutTransactions(OpenBatch batch) {
        open = Optional.empty();
        try {
            consumer.commitSync(OutcomeTransactions.positionOf(batch.record(), batch.attempts()), RELEASE_TIMEOUT);
        } catch (KafkaException e) {
            LOG.warnf("the batch stays marked as running in this process: %s", e.getMessage());
        }
    }
}
