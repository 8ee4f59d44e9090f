package io.tidemark.stream.calibrator;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.calibration.BoundarySweep;
import io.tidemark.calibration.CalibrationPolicy;
import io.tidemark.calibration.CalibrationState;
import io.tidemark.calibration.Decision;
import io.tidemark.calibration.ExampleScore;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.message.ErrorBody;
import io.tidemark.stream.calibrator.BatchReader.TokenizedBatch;
import io.tidemark.stream.tables.TableReadException;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.text.LogText;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.jboss.logging.Logger;

/**
 * The calibrator: consumes validation batches, scores them, and publishes calibration states and boundaries.
 *
 * <p>It handles one batch at a time on the thread {@code tidemark-calibrator}. A batch takes effect exactly once: its
 * calibration state, its boundary record and the offset behind it are committed in one transaction, and the state
 * contains the ids of its batches. When a Kafka client fails, a sweep is abandoned or a batch causes an unexpected
 * error, the thread opens a new session, which continues at the last commit. {@link BatchAttempts} counts the failures
 * of a batch across sessions and processes; the third one makes it a dead letter.
 */
public final class CalibratorService implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(CalibratorService.class);
    private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final Duration RELEASE_TIMEOUT = Duration.ofSeconds(5);
    private static final Duration POLL = Duration.ofMillis(200);

    /**
     * The settings of a calibrator.
     *
     * @param group           the consumer group that shares the batches
     * @param transactionalId the transactional id of the producer, unique for each process
     * @param policy          how boundaries are chosen
     * @param sweep           the batch size and the threads of a sweep
     * @param maxExamples     the most examples of a batch; a larger batch becomes a dead letter
     */
    public record Options(
            String group, String transactionalId, CalibrationPolicy policy, SweepLimits sweep, int maxExamples) {}

    private final Options options;
    private final KafkaConnection kafka;
    private final TopicLayout topics;
    private final BatchReader reader;
    private final BoundarySweep sweep;
    private final SweepExecutor executor;
    private final CalibrationListener listener;
    private final String process = UUID.randomUUID().toString();
    private final AtomicReference<String> disruption = new AtomicReference<>();
    private final Thread thread = new Thread(this::run, "tidemark-calibrator");
    private volatile boolean running = true;

    private CalibratorService(
            Options options,
            KafkaConnection kafka,
            TopicLayout topics,
            LanguageModel model,
            AdapterStore adapters,
            SweepExecutor executor,
            CalibrationListener listener) {
        this.options = options;
        this.kafka = kafka;
        this.topics = topics;
        this.reader = new BatchReader(model, adapters, options.maxExamples());
        this.sweep = new BoundarySweep(model, options.sweep());
        this.executor = executor;
        this.listener = listener;
    }

    /** Starts to consume. The topics must exist; model and adapters must stay open until the service is closed. */
    public static CalibratorService start(
            Options options,
            KafkaConnection kafka,
            TopicLayout topics,
            LanguageModel model,
            AdapterStore adapters,
            SweepExecutor executor,
            CalibrationListener listener) {
        CalibratorService service = new CalibratorService(options, kafka, topics, model, adapters, executor, listener);
        service.thread.start();
        LOG.infof(
                "calibrator consumes batches from '%s' with objective %s",
                topics.validationBatches(), options.policy().objective().written());
        return service;
    }

    /** Why batches are not processed at the moment, for a health check. */
    public Optional<String> disruption() {
        return Optional.ofNullable(disruption.get());
    }

    /** False after the thread has ended. From then on, no batches are processed. */
    public boolean isAlive() {
        return thread.isAlive();
    }

    /**
     * Abandons a running batch; the next owner of its partition scores it. Waits at most 30 s for the thread to end.
     */
    @Override
    public void close() {
        running = false;
        try {
            thread.join(TimeUnit.SECONDS.toMillis(30));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        while (running) {
            try (Session session = new Session()) {
                session.run();
            } catch (KafkaException | TableReadException | SweepAbandonedException e) {
                LOG.warnf("the calibrator restarts at its last commit: %s", e.getMessage());
                retryAfter(e);
            } catch (RuntimeException | Error e) {
                LOG.error("the calibrator restarts at its last commit", e);
                retryAfter(e);
            }
        }
    }

    private void retryAfter(Throwable failure) {
        disruption.set(KafkaConnection.reason(failure));
        LockSupport.parkNanos(RETRY_NANOS);
    }

    private KafkaConsumer<byte[], byte[]> newConsumer() {
        // reads committed records only, which also makes it wait for offsets that are part of an open transaction
        return kafka.newConsumer(Map.of(
                ConsumerConfig.GROUP_ID_CONFIG,
                options.group(),
                ConsumerConfig.AUTO_OFFSET_RESET_CONFIG,
                "earliest",
                ConsumerConfig.MAX_POLL_RECORDS_CONFIG,
                1,
                ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG,
                CooperativeStickyAssignor.class.getName()));
    }

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

    /**
     * The Kafka clients with the tables and the assigned partitions. Ends with an exception when a client fails.
     */
    private final class Session implements ConsumerRebalanceListener, AutoCloseable {

        private final KafkaConsumer<byte[], byte[]> consumer = newConsumer();
        private final PollHeartbeat heartbeat = new PollHeartbeat(consumer);
        private final Set<TopicPartition> owned = new HashSet<>();
        private final CalibratorTables tables;
        private final DecisionPublisher publisher;
        private boolean assigned;

        /** The batch that is being handled, until its outcome is published. */
        private Optional<Attempt> current = Optional.empty();

        Session() {
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

        void run() throws SweepAbandonedException {
            consumer.subscribe(List.of(topics.validationBatches()), this);
            while (running) {
                ConsumerRecords<byte[], byte[]> batches = consumer.poll(POLL);
                if (!consumer.groupMetadata().memberId().isEmpty()) {
                    disruption.set(null);
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
            Attempt attempt = new Attempt(record, attemptsOf(record).foundBy(process));
            if (attempt.before().isExhausted()) {
                reject(
                        record,
                        ErrorBody.serverError(
                                "batch_failed",
                                "the batch failed " + attempt.before().failures()
                                        + " times with an unexpected error or the death of the calibrator"));
                return;
            }
            publisher.keep(record, attempt.before().startedIn(process));
            current = Optional.of(attempt);
            try {
                process(attempt);
            } catch (BatchReader.RejectedException e) {
                reject(record, e.error());
            } catch (SweepAbandonedException e) {
                LOG.infof("abandoned the batch at %s-%d@%d", record.topic(), record.partition(), record.offset());
                current.filter(open -> owned.contains(open.partition())).ifPresent(this::release);
                if (running && owned.contains(attempt.partition())) {
                    // the consumer's position is behind the batch: a new session reads it again
                    throw e;
                }
            } catch (KafkaException | TableReadException e) {
                if (e instanceof RecordTooLargeException || e.getCause() instanceof RecordTooLargeException) {
                    // the record comes from this batch; nothing was committed
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
            TopicPartition partition = new TopicPartition(record.topic(), record.partition());
            OffsetAndMetadata committed = consumer.committed(Set.of(partition)).get(partition);
            boolean ofRecord = committed != null && committed.offset() == record.offset();
            return BatchAttempts.parse(ofRecord ? committed.metadata() : "");
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

        private void process(Attempt attempt) throws BatchReader.RejectedException, SweepAbandonedException {
            ConsumerRecord<byte[], byte[]> record = attempt.record();
            BooleanSupplier shouldContinue = () -> {
                heartbeat.beat();
                return running && owned.contains(attempt.partition());
            };
            try (TokenizedBatch batch = reader.read(record.value(), shouldContinue)) {
                if (!claim(attempt, batch)) {
                    current = Optional.empty();
                    publisher.skip(record);
                    return;
                }
                long start = System.nanoTime();
                List<ExampleScore> scores = score(batch, shouldContinue);
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
                        attempt.before().startedIn(process),
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
            OffsetAndMetadata committed = consumer.committed(Set.of(partition)).get(partition);
            return committed == null
                    || committed.offset() <= claiming.claim().orElseThrow().offset();
        }

        private List<ExampleScore> score(TokenizedBatch batch, BooleanSupplier shouldContinue)
                throws SweepAbandonedException, BatchReader.RejectedException {
            try {
                return executor.run(sweep.start(batch.adapter().weights(), batch.examples()), progress -> {
                    listener.onProgress(batch.adapter().id(), batch.batchId(), progress);
                    return shouldContinue.getAsBoolean();
                });
            } catch (KafkaException e) {
                throw e;
            } catch (RuntimeException e) {
                LOG.errorf(e, "the sweep of batch '%s' failed", LogText.of(batch.batchId()));
                throw new BatchReader.RejectedException(
                        ErrorBody.serverError("sweep_failed", "the batch could not be scored"));
            }
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
                            boundaries.entry(adapter),
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
}
