package io.tidemark.stream.calibrator;

import io.tidemark.calibration.CalibrationState;
import io.tidemark.calibration.Decision;
import io.tidemark.calibration.ExampleScore;
import io.tidemark.message.ErrorBody;
import io.tidemark.stream.calibrator.BatchScorer.TokenizedBatch;
import io.tidemark.stream.tables.TableReadException;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.text.LogText;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.jboss.logging.Logger;

/**
 * The membership of a calibrator in its consumer group: the consumer, the tables, the producer, and the handling of one
 * batch after the other. While a batch is scored, the consumer is polled with its partitions paused, so that it keeps
 * them. A batch takes effect exactly once: its calibration state, its boundary record and the offset behind it are
 * committed in one transaction, and the state contains the ids of its batches.
 *
 * <p>An error of a client ends the session with an exception. Used by the thread {@code tidemark-calibrator} only.
 */
final class CalibratorSession implements ConsumerRebalanceListener, AutoCloseable {

    private static final Logger LOG = Logger.getLogger(CalibratorSession.class);
    private static final Duration RELEASE_TIMEOUT = Duration.ofSeconds(5);
    private static final Duration POLL = Duration.ofMillis(200);

    private final CalibratorService service;
    private final CalibratorService.Options options;
    private final TopicLayout topics;
    private final BatchScorer scorer;
    private final CalibrationListener listener;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final PollHeartbeat heartbeat;
    private final CalibratorTables tables;
    private final DecisionPublisher publisher;
    private final Set<TopicPartition> owned = new HashSet<>();
    private boolean assigned;

    /** The batch that is being handled, until its outcome is published. */
    private Optional<Attempt> current = Optional.empty();

    /**
     * The handling of one batch.
     *
     * @param before the attempts before this one
     */
    private record Attempt(ConsumerRecord<byte[], byte[]> record, BatchAttempts before) {

        TopicPartition partition() {
            return new TopicPartition(record.topic(), record.partition());
        }
    }

    /** Joins the group with the first poll. */
    CalibratorSession(
            CalibratorService service,
            KafkaConnection kafka,
            TopicLayout topics,
            BatchScorer scorer,
            CalibrationListener listener) {
        this.service = service;
        this.options = service.options();
        this.topics = topics;
        this.scorer = scorer;
        this.listener = listener;
        // one record, because each is handled before the next poll
        this.consumer = kafka.newGroupMember(options.group(), options.transactionalId(), 1);
        this.heartbeat = new PollHeartbeat(consumer);
        try {
            tables = new CalibratorTables(kafka, topics);
        } catch (RuntimeException e) {
            consumer.close();
            throw e;
        }
        try {
            publisher = new DecisionPublisher(kafka, options.transactionalId(), topics, consumer);
        } catch (RuntimeException e) {
            tables.close();
            consumer.close();
            throw e;
        }
    }

    /**
     * Handles batches until the service stops.
     *
     * @throws SweepAbandonedException if a batch was abandoned and this session still owns its partition
     */
    void run() throws SweepAbandonedException {
        consumer.subscribe(List.of(topics.validationBatches()), this);
        while (service.isRunning()) {
            ConsumerRecords<byte[], byte[]> batches = consumer.poll(POLL);
            if (!consumer.groupMetadata().memberId().isEmpty()) {
                service.joined();
            }
            if (assigned) {
                assigned = false;
                restorePins();
            }
            for (ConsumerRecord<byte[], byte[]> batch : batches) {
                handle(batch);
            }
        }
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        // the committed offset first: reading it waits for the transaction of the previous owner to end, and the
        // tables then include what that transaction wrote
        partitions.forEach(consumer::position);
        tables.refreshStates();
        tables.refreshBoundaries();
        owned.addAll(partitions);
        assigned = true;
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        current.filter(attempt -> partitions.contains(attempt.partition())).ifPresent(this::release);
        owned.removeAll(partitions);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        owned.removeAll(partitions);
    }

    private void handle(ConsumerRecord<byte[], byte[]> record) throws SweepAbandonedException {
        Attempt attempt = new Attempt(record, attemptsOf(record).foundBy(service.process()));
        if (attempt.before().isExhausted()) {
            reject(
                    record,
                    ErrorBody.serverError(
                            "batch_failed",
                            "the batch failed " + attempt.before().failures()
                                    + " times with an unexpected error or the death of the calibrator"));
            return;
        }
        publisher.keep(record, attempt.before().startedIn(service.process()));
        current = Optional.of(attempt);
        try {
            process(attempt);
        } catch (BatchScorer.RejectedException e) {
            reject(record, e.error());
        } catch (SweepAbandonedException e) {
            LOG.infof("abandoned the batch at %s-%d@%d", record.topic(), record.partition(), record.offset());
            current.filter(open -> owned.contains(open.partition())).ifPresent(this::release);
            if (service.isRunning() && owned.contains(attempt.partition())) {
                // the consumer's position is behind the batch: a new session reads it again
                throw e;
            }
        } catch (KafkaException | TableReadException e) {
            if (e instanceof RecordTooLargeException || e.getCause() instanceof RecordTooLargeException) {
                // the state or the boundary record of the batch is too large: the batch has failed; close() commits
                // that
                current = Optional.of(new Attempt(record, attempt.before().failed()));
            }
            throw e;
        } catch (RuntimeException | Error e) {
            if (current.isPresent()) {
                current = Optional.empty();
                publisher.keep(record, attempt.before().failed());
            }
            throw e;
        } finally {
            heartbeat.stop();
        }
        current = Optional.empty();
    }

    private BatchAttempts attemptsOf(ConsumerRecord<byte[], byte[]> record) {
        return committed(new TopicPartition(record.topic(), record.partition()))
                .filter(committed -> committed.offset() == record.offset())
                .map(committed -> BatchAttempts.parse(committed.metadata()))
                .orElse(BatchAttempts.NONE);
    }

    private Optional<OffsetAndMetadata> committed(TopicPartition partition) {
        return Optional.ofNullable(consumer.committed(Set.of(partition)).get(partition));
    }

    /** Commits that the process no longer works on the batch, and that this is no failure. */
    private void release(Attempt attempt) {
        current = Optional.empty();
        publisher.keep(attempt.record(), attempt.before());
    }

    private void reject(ConsumerRecord<byte[], byte[]> record, ErrorBody error) {
        // without the message: that of a chat template may contain text of the batch
        LOG.warnf(
                "the batch at %s-%d@%d is rejected: %s (%s)",
                record.topic(),
                record.partition(),
                record.offset(),
                error.code(),
                LogText.of(error.param().orElse("no field")));
        current = Optional.empty();
        publisher.publishDeadLetter(record, error);
        listener.onRejected(error);
    }

    private void process(Attempt attempt) throws BatchScorer.RejectedException, SweepAbandonedException {
        ConsumerRecord<byte[], byte[]> record = attempt.record();
        BooleanSupplier shouldContinue = () -> {
            heartbeat.beat();
            return service.isRunning() && owned.contains(attempt.partition());
        };
        try (TokenizedBatch batch = scorer.read(record.value(), shouldContinue)) {
            if (!claim(attempt, batch)) {
                current = Optional.empty();
                publisher.skip(record);
                return;
            }
            long start = System.nanoTime();
            List<ExampleScore> scores = scorer.score(batch, progress -> {
                listener.onProgress(batch.adapter().id(), batch.batchId(), progress);
                return shouldContinue.getAsBoolean();
            });
            if (!owned.contains(attempt.partition())) {
                throw new SweepAbandonedException();
            }
            heartbeat.stop();
            CalibrationState state = tables.states()
                    .get(batch.adapter().id(), record.partition(), batch.version())
                    .plus(batch.batchId(), scores);
            decide(record, batch, state, (System.nanoTime() - start) / 1e9);
        }
    }

    /**
     * Claims a batch for its partition. Returns false if the batch is counted or another partition has an earlier
     * claim: the topic of states has one partition, so its order decides which of two claims was first.
     */
    private boolean claim(Attempt attempt, TokenizedBatch batch) {
        ConsumerRecord<byte[], byte[]> record = attempt.record();
        String adapter = batch.adapter().id();
        CalibrationStateTable states = tables.refreshStates();
        CalibrationState state = states.get(adapter, record.partition(), batch.version());
        boolean counted = states.hasCounted(adapter, batch.version(), batch.batchId());
        if (!counted && !states.hasClaimed(state, batch.batchId(), record.offset())) {
            publisher.claim(
                    record,
                    attempt.before().startedIn(service.process()),
                    state.claiming(batch.batchId(), record.offset()),
                    states.replacedBy(state, batch.version()));
            tables.refreshStates();
        }
        for (CalibrationState other : states.earlierClaims(state, batch.version(), batch.batchId())) {
            if (isOpen(other)) {
                LOG.infof(
                        "batch '%s' of '%s' is scored on partition %d and is skipped",
                        LogText.of(batch.batchId()), adapter, other.inputPartition());
                return false;
            }
        }
        // after the check of the other claims: a claim may have ended with a count since the last refresh
        if (counted || tables.refreshStates().hasCounted(adapter, batch.version(), batch.batchId())) {
            LOG.infof("batch '%s' of '%s' was counted before and is skipped", LogText.of(batch.batchId()), adapter);
            return false;
        }
        return true;
    }

    /** Whether the batch of a claim is still to be scored. A claim stays in the state when its batch is rejected. */
    private boolean isOpen(CalibrationState claiming) {
        TopicPartition partition = new TopicPartition(topics.validationBatches(), claiming.inputPartition());
        long claimed = claiming.claim().orElseThrow().offset();
        return committed(partition)
                .filter(committed -> committed.offset() > claimed)
                .isEmpty();
    }

    private void decide(
            ConsumerRecord<byte[], byte[]> record, TokenizedBatch batch, CalibrationState state, double seconds) {
        String adapter = batch.adapter().id();
        BoundaryView boundaries = tables.refreshBoundaries();
        Decision decision = options.policy()
                .decide(
                        adapter,
                        batch.version(),
                        tables.states().mergedWith(state, batch.version()),
                        boundaries.current(adapter, batch.version()),
                        Instant.now());
        current = Optional.empty();
        publisher.publish(record, state, tables.states().replacedBy(state, batch.version()), decision);
        restorePins();
        LOG.info(decision.summary());
        listener.onDecision(adapter, decision, seconds);
    }

    /**
     * Publishes pins again that were written between a calibrator's decision and its commit, so that the operator's
     * record is the last one. Called after every commit, and after an assignment for a calibrator that crashed
     * between its commit and this.
     */
    private void restorePins() {
        tables.refreshBoundaries().overwrittenPins().forEach((adapter, pin) -> {
            LOG.infof("publishing the overwritten pin of '%s' again", LogText.of(adapter));
            publisher.publishBoundary(adapter, pin);
        });
    }

    @Override
    public void close() {
        try (consumer;
                tables) {
            publisher.close();
            current.ifPresent(this::releaseWithoutPublisher);
        }
    }

    /** As {@link #release}, after a failure of the producer or the tables. */
    private void releaseWithoutPublisher(Attempt attempt) {
        current = Optional.empty();
        try {
            consumer.commitSync(DecisionPublisher.positionOf(attempt.record(), attempt.before()), RELEASE_TIMEOUT);
        } catch (KafkaException e) {
            LOG.warnf("the batch stays marked as running in this process: %s", e.getMessage());
        }
    }
}
