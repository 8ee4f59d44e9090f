package io.tidemark.stream.calibrator;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.BoundaryRule;
import io.tidemark.calibration.CalibrationState;
import io.tidemark.calibration.CalibrationState.Counted;
import io.tidemark.calibration.EpochSet;
import io.tidemark.calibration.EpochState;
import io.tidemark.calibration.ExampleFilter;
import io.tidemark.calibration.RuleDecision;
import io.tidemark.input.RejectedException;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.CalibrationStateRecord.Claim;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.ValidationBatch;
import io.tidemark.stream.calibrator.BatchScorer.TokenizedBatch;
import io.tidemark.stream.calibrator.DecisionRecords.Decided;
import io.tidemark.stream.settings.TidemarkSettings.TopicSettings;
import io.tidemark.stream.tables.TableReadException;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.ReadLimits;
import io.tidemark.text.LogText;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jboss.logging.Logger;

/**
 * The membership of a calibrator in its consumer group: the consumer, the tables, the producer, and the handling of one
 * batch after the other. While a batch is scored, the consumer is polled with its partitions paused, so that it keeps
 * them. A batch takes effect exactly once: its calibration state, its boundary record and the offset behind it are
 * committed in one transaction, and the state contains the ids of its batches.
 *
 * <p>Each arrow is a commit. It moves the group's offset behind a batch that is done, and keeps the offset otherwise.
 * Attempts are {@link BatchAttempts}, in the metadata of the offset.
 *
 * <pre>
 *   polled ── attempts, name of the process ──> open
 *   polled ── dead letter ────────────────────> done     it has failed three times
 *   open   ── state that claims the batch ────> open     before the sweep
 *   open   ── {@link BatchOutcome} ────────────────────> done     scored or rejected
 *   open   ── attempts ───────────────────────> polled   stop, revocation, failed engine, exception of a client
 *   open   ── attempts + 1 ───────────────────> polled   other exception, Error, or records that are too large
 *   open   ── nothing ────────────────────────> polled   lost partition, dead process, or failed commit of the
 *                                                        outcome: another process adds 1
 * </pre>
 *
 * <p>An exception of a Kafka client ends the session. All methods are called by one thread.
 */
final class CalibratorSession implements ConsumerRebalanceListener, AutoCloseable {

    private static final Logger LOG = Logger.getLogger(CalibratorSession.class);
    private static final Duration RELEASE_TIMEOUT = Duration.ofSeconds(5);
    private static final Duration POLL = Duration.ofMillis(200);
    /** One batch at a time; batches are not read ahead. */
    private static final ReadLimits READS = new ReadLimits(1, 1 << 20, TopicSettings.MAX_RECORD_BYTES);

    private final CalibratorRun run;
    private final CalibratorOptions options;
    private final Memory memory;
    private final BatchScorer scorer;
    private final CalibrationListener listener;
    private final Time time;
    private final Consumer<byte[], byte[]> consumer;
    private final PollHeartbeat heartbeat;
    private final CalibratorTables tables;
    private final OutcomeTransactions publisher;

    /** The partitions that this member owns, each with its position when it was assigned. */
    private final Map<TopicPartition, Long> owned = new HashMap<>();

    private boolean assigned;

    /** The batch that is being handled. Empty from the moment at which the commit that ends its handling begins. */
    private Optional<OpenBatch> open = Optional.empty();

    /** @param attempts what is committed if the batch is to be read again without a failure of its own */
    private record OpenBatch(ConsumerRecord<byte[], byte[]> record, BatchAttempts attempts) {

        TopicPartition partition() {
            return new TopicPartition(record.topic(), record.partition());
        }
    }

    /** What the sessions of a process remember of their decisions. */
    record Memory(DecisionRecords decisions, SettingsConflicts conflicts) {

        static Memory begin(CalibratorOptions options) {
            return new Memory(new DecisionRecords(options), new SettingsConflicts());
        }
    }

    /** Joins the group with the first {@link #turn}. */
    CalibratorSession(
            CalibratorRun run,
            CalibratorOptions options,
            KafkaThread thread,
            BatchScorer scorer,
            Memory memory,
            CalibrationListener listener) {
        this.run = run;
        this.memory = memory;
        this.options = options;
        this.scorer = scorer;
        this.listener = listener;
        this.time = thread.time();
        // one record, because each is handled before the next poll
        this.consumer = thread.kafka()
                .newGroupMember(options.group(), options.transactionalId(), READS, "earliest", EpochAssignor.class);
        this.heartbeat = new PollHeartbeat(consumer, time);
        try {
            tables = new CalibratorTables(thread.kafka(), time, options.topics());
        } catch (RuntimeException e) {
            consumer.close();
            throw e;
        }
        try {
            publisher = new OutcomeTransactions(
                    thread.kafka(), options.transactionalId(), options.topics(), memory.decisions(), consumer);
        } catch (RuntimeException e) {
            tables.close();
            consumer.close();
            throw e;
        }
        consumer.subscribe(options.topics().validationTopics().names(), this);
    }

    /**
     * Polls once, and handles the batch that was found.
     *
     * @throws SweepAbandonedException if the batch was abandoned and this session still owns its partition
     */
    void turn() throws SweepAbandonedException {
        ConsumerRecords<byte[], byte[]> batches = consumer.poll(POLL);
        if (!consumer.groupMetadata().memberId().isEmpty()) {
            run.joined();
        }
        if (assigned) {
            assigned = false;
            restorePins();
        }
        for (ConsumerRecord<byte[], byte[]> batch : batches) {
            handle(batch);
        }
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        // the committed offset first: reading it waits for the transaction of the previous owner to end, and the
        // tables then include what that transaction wrote
        Map<TopicPartition, Long> positions =
                partitions.stream().collect(Collectors.toMap(partition -> partition, consumer::position));
        tables.refreshStates();
        tables.refreshBoundaries();
        owned.putAll(positions);
        assigned = true;
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        open.filter(batch -> partitions.contains(batch.partition())).ifPresent(this::release);
        partitions.forEach(owned::remove);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        partitions.forEach(owned::remove);
    }

    private void handle(ConsumerRecord<byte[], byte[]> record) throws SweepAbandonedException {
        OpenBatch batch = new OpenBatch(record, attemptsOf(record).foundBy(run.process()));
        if (batch.attempts().isExhausted()) {
            end(
                    batch,
                    new BatchOutcome.Rejected(ErrorBody.serverError(
                            "batch_failed",
                            "the batch failed " + batch.attempts().failures()
                                    + " times with an unexpected error or the death of the calibrator")));
            return;
        }
        publisher.keep(record, batch.attempts().startedIn(run.process()));
        open = Optional.of(batch);
        try {
            end(batch, process(batch));
        } catch (SweepAbandonedException e) {
            LOG.infof("abandoned the batch at %s-%d@%d", record.topic(), record.partition(), record.offset());
            open.filter(abandoned -> owned.containsKey(abandoned.partition())).ifPresent(this::release);
            open = Optional.empty();
            if (run.isRunning() && owned.containsKey(batch.partition())) {
                // the consumer's position is behind the batch: a new session reads it again
                throw e;
            }
        } catch (KafkaException | TableReadException e) {
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
        } finally {
            heartbeat.stop();
        }
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
    private void release(OpenBatch batch) {
        open = Optional.empty();
        publisher.keep(batch.record(), batch.attempts());
    }

    /** Commits that the batch has failed once more. */
    private void fail(OpenBatch batch, Throwable failure) {
        open = Optional.empty();
        try {
            publisher.keep(batch.record(), batch.attempts().failed());
        } catch (KafkaException e) {
            failure.addSuppressed(e);
        }
    }

    private BatchOutcome process(OpenBatch opened) throws SweepAbandonedException {
        ConsumerRecord<byte[], byte[]> record = opened.record();
        BooleanSupplier shouldContinue = () -> {
            heartbeat.beat();
            return run.isRunning() && owned.containsKey(opened.partition());
        };
        try (TokenizedBatch batch = scorer.tokenize(read(record), shouldContinue)) {
            claim(opened, batch);
            return score(opened, batch, shouldContinue);
        } catch (RejectedException e) {
            return new BatchOutcome.Rejected(e.error());
        }
    }

    /**
     * Scores the examples of a batch that no partition has counted, and counts them in the epoch that counts then.
     * Another calibrator may have begun another epoch in the meantime; the batch is scored again if that epoch has
     * boundaries or examples that were not scored.
     */
    private BatchOutcome score(OpenBatch opened, TokenizedBatch batch, BooleanSupplier shouldContinue)
            throws RejectedException, SweepAbandonedException {
        String adapter = batch.adapter().id();
        int partition = opened.record().partition();
        BoundaryRule rule = options.rule(batch.version().numLayers());
        List<ExampleFilter.Bits> bits = batch.bits();
        BatchScores scores = BatchScores.NONE;
        double seconds = 0;
        while (true) {
            RuleSnapshot now = tables.snapshot(adapter, batch.version(), options.mode());
            BoundaryRule.Opened epoch = rule.open(now.states(), partition, now.inForce());
            List<Integer> fresh = rule.fresh(now.states(), epoch, bits);
            EpochSet set = epoch.state().set();
            if (scores.covers(fresh, set)) {
                heartbeat.stop();
                BoundaryRule.Counted counted =
                        rule.count(now.states(), partition, scores.select(fresh, set, bits), now.inForce());
                CalibrationState state = tables.states()
                        .get(adapter, partition, batch.version())
                        .plus(
                                batch.batchId(),
                                batch.content(),
                                counted.state(),
                                RuleSnapshot.shadow(options.mode(), counted.inForce()));
                return new BatchOutcome.Scored(
                        state,
                        tables.states().replacedBy(state, batch.version()),
                        decided(opened.record(), batch.batchId(), batch.version(), now, counted.decisions(), adapter),
                        fresh.size(),
                        bits.size() - fresh.size(),
                        seconds);
            }
            long start = time.nanoTime();
            scores = scorer.score(batch, fresh, set.boundaries(), progress -> {
                listener.onProgress(adapter, batch.batchId(), progress);
                return shouldContinue.getAsBoolean();
            });
            if (!owned.containsKey(opened.partition())) {
                throw new SweepAbandonedException();
            }
            seconds += time.nanosSince(start) / 1e9;
        }
    }

    private Decided decided(
            ConsumerRecord<byte[], byte[]> record,
            String batchId,
            LoadedVersion version,
            RuleSnapshot before,
            List<RuleDecision> decisions,
            String adapter) {
        return new Decided(
                adapter,
                version,
                before,
                decisions,
                new BoundaryRecord.Evidence(batchId, record.topic(), record.partition(), record.offset()),
                time.instant());
    }

    /** Reads a batch, and rejects it if its adapter belongs to another topic. */
    private ValidationBatch read(ConsumerRecord<byte[], byte[]> record) throws RejectedException {
        ValidationBatch batch = scorer.parse(record.value());
        Optional<String> topic = options.topics().validationTopics().topicOf(batch.adapter());
        if (!topic.equals(Optional.of(record.topic()))) {
            throw new RejectedException(
                    "adapter_not_allowed",
                    "adapter",
                    "batches of adapter '" + batch.adapter() + "' are not accepted on topic '" + record.topic() + "'"
                            + topic.map(name -> "; send them to '" + name + "'").orElse(""));
        }
        return batch;
    }

    /**
     * Claims a batch for its partition.
     *
     * @throws RejectedException if a batch with its id is counted, or another partition has an earlier claim: the topic
     *                           of states has one partition, so its order decides which of two claims was first
     */
    private void claim(OpenBatch opened, TokenizedBatch batch) throws RejectedException {
        ConsumerRecord<byte[], byte[]> record = opened.record();
        String adapter = batch.adapter().id();
        CalibrationStateTable states = tables.refreshStates();
        CalibrationState state = states.get(adapter, record.partition(), batch.version());
        boolean counted = counted(batch) != Counted.NO;
        if (!counted && !states.hasClaimed(state, batch.batchId(), record.offset())) {
            publisher.claim(
                    record,
                    opened.attempts().startedIn(run.process()),
                    state.claiming(batch.batchId(), batch.content(), record.offset()),
                    states.replacedBy(state, batch.version()));
            tables.refreshStates();
        }
        for (CalibrationState other : states.earlierClaims(state, batch.version(), batch.batchId())) {
            if (isToBeScored(other, record.topic())) {
                boolean same = other.claim()
                        .flatMap(Claim::content)
                        .filter(content -> !content.equals(batch.content()))
                        .isEmpty();
                throw repeated(same, "is being scored, from partition " + other.inputPartition());
            }
        }
        // after the check of the other claims: a claim may have ended with a count since the last refresh
        tables.refreshStates();
        Counted known = counted(batch);
        if (known != Counted.NO) {
            throw repeated(known == Counted.SAME, "was counted before");
        }
    }

    private Counted counted(TokenizedBatch batch) {
        return tables.states().counted(batch.adapter().id(), batch.version(), batch.batchId(), batch.content());
    }

    /** The error of a batch whose id was used before. Its sender must see whether its examples count. */
    private static RejectedException repeated(boolean same, String how) {
        return same
                ? new RejectedException("duplicate_batch", "batch_id", "a batch with this id and these examples " + how)
                : new RejectedException(
                        "batch_id_conflict",
                        "batch_id",
                        "a batch with this id and other examples " + how + "; send this one with another id");
    }

    /** Whether the batch of a claim is still to be scored. A claim stays in the state when its batch is rejected. */
    private boolean isToBeScored(CalibrationState claiming, String topic) {
        TopicPartition partition = new TopicPartition(topic, claiming.inputPartition());
        long claimed = claiming.claim().orElseThrow().offset();
        return committed(partition)
                .filter(committed -> committed.offset() > claimed)
                .isEmpty();
    }

    /** Commits the outcome of a batch and reports it. */
    private void end(OpenBatch batch, BatchOutcome outcome) {
        if (outcome instanceof BatchOutcome.Scored scored) {
            count(batch, scored);
        } else if (outcome instanceof BatchOutcome.Rejected rejected) {
            reject(batch, rejected.error());
        }
    }

    private void count(OpenBatch batch, BatchOutcome.Scored scored) {
        // while the batch is open, so that records that can't be built are a failure of the batch
        List<ProducerRecord<byte[], byte[]>> records =
                publisher.toRecords(scored.state(), scored.replaced(), scored.decided());
        open = Optional.empty();
        publisher.publish(batch.record(), records);
        restorePins();
        report(scored);
        decideAgain(batch, scored);
    }

    private void report(BatchOutcome.Scored scored) {
        String adapter = scored.state().adapter();
        if (scored.repeats() > scored.examples()) {
            LOG.warnf(
                    "%d of %d examples of batch '%s' for '%s' were counted before; they add nothing within an epoch",
                    scored.repeats(),
                    scored.repeats() + scored.examples(),
                    LogText.of(scored.decided().batch().batchId()),
                    LogText.of(adapter));
        }
        listener.onCounted(adapter, scored.examples(), scored.repeats(), scored.seconds());
        report(scored.decided());
    }

    /** After the commit. */
    private void report(Decided decided) {
        memory.decisions().committed(decided);
        if (memory.conflicts().isConflict(decided)) {
            LOG.warnf(
                    "another calibrator has begun an epoch of '%s' with other settings; give all calibrators of group"
                            + " '%s' the same tidemark.calibrator settings",
                    LogText.of(decided.adapter()), options.group());
            listener.onConflict(decided.adapter());
        }
        decided.decisions().forEach(decision -> {
            LOG.info(summary(decided.adapter(), decision));
            listener.onDecision(decided.adapter(), decision);
        });
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

    /**
     * Decides once more with what other calibrators have committed since the decision of this one: each of two
     * calibrators that commit at the same time has decided without the batch of the other. A decision that changes
     * something is one transaction with the committed offset of the batch's partition. A calibrator that dies before
     * it leaves the decision to the next batch of the adapter.
     */
    private void decideAgain(OpenBatch batch, BatchOutcome.Scored scored) {
        Decided first = scored.decided();
        String adapter = first.adapter();
        int partition = batch.record().partition();
        RuleSnapshot now = tables.snapshot(adapter, first.version(), options.mode());
        if (!now.hasNewsSince(first.before(), partition) || !owned.containsKey(batch.partition())) {
            return;
        }
        BoundaryRule rule = options.rule(first.version().numLayers());
        if (!now.hasCounted()) {
            // an operator has begun an epoch
            return;
        }
        RuleDecision decision = rule.decide(now.states(), now.inForce());
        if (!decision.publishes() && decision.epochEnd().isEmpty()) {
            return;
        }
        EpochState own = rule.open(now.states(), partition, now.inForce()).state();
        CalibrationState state = tables.states()
                .get(adapter, partition, first.version())
                .with(rule.after(own, decision), RuleSnapshot.shadow(options.mode(), decision.inForce()));
        Decided second =
                decided(batch.record(), first.batch().batchId(), first.version(), now, List.of(decision), adapter);
        publisher.publish(
                Map.of(batch.partition(), committed(batch.partition()).orElseThrow()),
                publisher.toRecords(state, Optional.empty(), second));
        restorePins();
        report(second);
    }

    private void reject(OpenBatch batch, ErrorBody error) {
        ConsumerRecord<byte[], byte[]> record = batch.record();
        // without the message: that of a chat template may contain text of the batch
        LOG.warnf(
                "the batch at %s-%d@%d is rejected: %s (%s)",
                record.topic(),
                record.partition(),
                record.offset(),
                error.code(),
                LogText.of(error.param().orElse("no field")));
        open = Optional.empty();
        publisher.reject(record, error);
        listener.onRejected(error);
    }

    /**
     * Publishes pins again that were written between a calibrator's decision and its commit, so that the operator's
     * record is the last one. Called after every commit, and after an assignment for a calibrator that crashed
     * between its commit and this. Each is one transaction with an offset of an owned partition: a calibrator that has
     * lost its partitions could otherwise restore a pin that an operator has removed since.
     */
    private void restorePins() {
        Map<String, byte[]> pins = tables.refreshBoundaries().overwrittenPins();
        Optional<TopicPartition> partition = owned.keySet().stream().findAny();
        if (pins.isEmpty() || partition.isEmpty()) {
            return;
        }
        Map<TopicPartition, OffsetAndMetadata> position = Map.of(
                partition.get(),
                committed(partition.get()).orElseGet(() -> new OffsetAndMetadata(owned.get(partition.get()))));
        pins.forEach((adapter, pin) -> {
            LOG.infof("publishing the overwritten pin of '%s' again", LogText.of(adapter));
            publisher.publishBoundary(adapter, pin, position);
        });
    }

    @Override
    public void close() {
        try (consumer;
                tables) {
            publisher.close();
            open.ifPresent(this::releaseWithoutPublisher);
        }
    }

    /** As {@link #release}, after a failure of the producer or the tables. */
    private void releaseWithoutPublisher(OpenBatch batch) {
        open = Optional.empty();
        try {
            consumer.commitSync(OutcomeTransactions.positionOf(batch.record(), batch.attempts()), RELEASE_TIMEOUT);
        } catch (KafkaException e) {
            LOG.warnf("the batch stays marked as running in this process: %s", e.getMessage());
        }
    }
}
