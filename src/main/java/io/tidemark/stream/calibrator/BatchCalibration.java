package io.tidemark.stream.calibrator;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.rule.BatchCount;
import io.tidemark.calibration.rule.BoundaryRule;
import io.tidemark.calibration.rule.CalibrationState;
import io.tidemark.calibration.rule.CalibrationState.CountedBefore;
import io.tidemark.calibration.rule.EpochState;
import io.tidemark.calibration.rule.RuleDecision;
import io.tidemark.calibration.rule.ScoredBatch;
import io.tidemark.input.RejectedException;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.CountedBatchHeaders;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.UncountedExamples;
import io.tidemark.message.ValidationBatch;
import io.tidemark.stream.calibrator.BatchScorer.TokenizedBatch;
import io.tidemark.stream.calibrator.DecisionRecords.DecidedBatch;
import io.tidemark.text.LogFields;
import io.tidemark.text.LogText;
import io.tidemark.time.Time;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.jboss.logging.Logger;

/**
 * What the calibrator does with one batch: it claims the batch, scores it, counts it, and decides. {@link
 * #claimAndScore} commits the claim only. When the outcome is committed, {@link #restorePins} and {@link
 * #decideAgain} follow, in transactions of their own. Not thread-safe; used by the calibrator's thread only.
 */
final class BatchCalibration {

    private static final Logger LOG = Logger.getLogger(BatchCalibration.class);

    private final CalibratorOptions options;
    private final BatchScorer scorer;
    private final DecisionReports reports;
    private final GroupMembership membership;
    private final CalibratorTables tables;
    private final OutcomeTransactions transactions;
    private final Time time;

    /**
     * @param reports told about the progress of sweeps only
     * @param time    measures sweeps
     */
    BatchCalibration(
            CalibratorOptions options,
            BatchScorer scorer,
            DecisionReports reports,
            GroupMembership membership,
            CalibratorTables tables,
            OutcomeTransactions transactions,
            Time time) {
        this.options = options;
        this.scorer = scorer;
        this.reports = reports;
        this.membership = membership;
        this.tables = tables;
        this.transactions = transactions;
        this.time = time;
    }

    /**
     * Claims and scores a batch, and counts it in the states as of then.
     *
     * @param running   the attempts that stay in the offset of the batch
     * @param heartbeat called often while the adapter loads and the batch is scored; false ends both
     * @throws SweepAbandonedException if {@code heartbeat} has ended it
     */
    FinishedBatch claimAndScore(
            ConsumerRecord<byte[], byte[]> record, BatchAttempts running, SweepExecutor.Heartbeat heartbeat)
            throws SweepAbandonedException {
        try (TokenizedBatch batch = scorer.prepare(read(record), heartbeat)) {
            claim(record, running, batch);
            return score(record, batch, heartbeat);
        } catch (RejectedException e) {
            return new FinishedBatch.RejectedBatch(e.error());
        }
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
    private void claim(ConsumerRecord<byte[], byte[]> record, BatchAttempts running, TokenizedBatch batch)
            throws RejectedException {
        String adapter = batch.adapter().id();
        CalibrationStateTable states = tables.refreshStates();
        CalibrationState state = states.get(adapter, record.partition(), batch.version());
        boolean counted = counted(batch) != CountedBefore.NO;
        if (!counted && !states.hasClaimed(state, batch.batchId(), record.offset())) {
            transactions.claim(record, running, state.claiming(batch.batchId(), batch.content(), record.offset()));
            tables.refreshStates();
        }
        for (CalibrationState other : states.earlierClaims(state, batch.version(), batch.batchId())) {
            if (isToBeScored(other, record.topic())) {
                boolean same = other.claim().orElseThrow().content().equals(batch.content());
                throw repeated(same, "is being scored, from partition " + other.inputPartition());
            }
        }
        // after the check of the other claims: a claim may have ended with a count since the last refresh
        tables.refreshStates();
        CountedBefore known = counted(batch);
        if (known != CountedBefore.NO) {
            throw repeated(known == CountedBefore.SAME, "was counted before");
        }
    }

    private CountedBefore counted(TokenizedBatch batch) {
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
        return membership
                .committed(partition)
                .filter(committed -> committed.offset() > claimed)
                .isEmpty();
    }

    /**
     * Scores the examples of a batch that no partition has counted, part by part, and counts them in the epoch that
     * counts then. Another calibrator may have begun another epoch in the meantime; the examples are scored again if
     * that epoch has boundaries at which they were not scored.
     */
    private FinishedBatch score(
            ConsumerRecord<byte[], byte[]> record, TokenizedBatch batch, SweepExecutor.Heartbeat heartbeat)
            throws RejectedException, SweepAbandonedException {
        String adapter = batch.adapter().id();
        int partition = record.partition();
        BoundaryRule rule = options.rule(batch.version().numLayers());
        ScoredBatch scored = batch.unscored();
        int size = scored.examples().size();
        int done = 0;
        double seconds = 0;
        while (true) {
            RuleSnapshot now = tables.snapshot(adapter, batch.version(), options.mode());
            BatchCount count = rule.count(now.states(), partition, scored, now.inForce());
            if (count instanceof BatchCount.Counted counted) {
                return counted(record, batch, now, counted, seconds);
            }
            BatchCount.Unscored next = (BatchCount.Unscored) count;
            int before = done;
            long start = time.nanoTime();
            scored = scored.with(next.places(), scorer.score(batch, next.places(), next.boundaries(), progress -> {
                double share = (before + progress * next.places().size())
                        / Math.max(size, before + next.places().size());
                reports.progress(adapter, batch.batchId(), share);
                return heartbeat.beat(share);
            }));
            seconds += time.nanosSince(start) / 1e9;
            done += next.places().size();
            if (!membership.owns(partitionOf(record))) {
                throw new SweepAbandonedException();
            }
        }
    }

    private FinishedBatch counted(
            ConsumerRecord<byte[], byte[]> record,
            TokenizedBatch batch,
            RuleSnapshot now,
            BatchCount.Counted counted,
            double seconds) {
        String adapter = batch.adapter().id();
        CalibrationState state = tables.states()
                .get(adapter, record.partition(), batch.version())
                .plus(
                        batch.batchId(),
                        batch.content(),
                        counted.state(),
                        RuleSnapshot.shadow(options.mode(), counted.inForce()))
                .by(options.shared());
        DecidedBatch decided = decided(adapter, batch.version(), record, batch.batchId(), now, counted.decisions());
        List<ProducerRecord<byte[], byte[]>> records = transactions.toRecords(
                state,
                decided,
                new CountedBatchHeaders(
                        new Source(record.topic(), record.partition(), record.offset()), counted.uncounted()));
        records.addAll(transactions.tombstones(tables.states().outdated(state)));
        UncountedExamples uncounted = counted.uncounted();
        int examples = batch.unscored().examples().size()
                + batch.unscored().refused()
                - uncounted.repeats()
                - uncounted.refused();
        return new FinishedBatch.Scored(records, decided, examples, uncounted, seconds);
    }

    private DecidedBatch decided(
            String adapter,
            LoadedVersion version,
            ConsumerRecord<byte[], byte[]> record,
            String batchId,
            RuleSnapshot before,
            List<RuleDecision> decisions) {
        return new DecidedBatch(
                adapter,
                version,
                before,
                decisions,
                reports.conflict(adapter, before),
                new BoundaryRecord.Evidence(batchId, record.topic(), record.partition(), record.offset()));
    }

    /**
     * Decides once more with what other calibrators have committed since the decision of this one: each of two
     * calibrators that commit at the same time has decided without the batch of the other. A decision that changes
     * something is one transaction with the committed offset of the batch's partition; empty if there is none. A
     * calibrator that dies before it leaves the decision to the next batch of the adapter.
     *
     * @param record the batch of {@code first}, which is committed
     */
    Optional<DecidedBatch> decideAgain(ConsumerRecord<byte[], byte[]> record, DecidedBatch first) {
        String adapter = first.adapter();
        LoadedVersion version = first.version();
        int partition = record.partition();
        TopicPartition batches = partitionOf(record);
        RuleSnapshot now = tables.snapshot(adapter, version, options.mode());
        if (!now.hasNewsSince(first.before(), partition) || !membership.owns(batches)) {
            return Optional.empty();
        }
        BoundaryRule rule = options.rule(version.numLayers());
        if (!now.hasCounted()) {
            // an operator or a calibrator in the other mode has begun an epoch
            return Optional.empty();
        }
        RuleDecision decision = rule.decide(now.states(), now.inForce());
        if (!decision.publishes() && decision.epochEnd().isEmpty()) {
            return Optional.empty();
        }
        EpochState own = rule.open(now.states(), partition, now.inForce()).state();
        CalibrationState state = tables.states()
                .get(adapter, partition, version)
                .with(rule.after(own, decision), RuleSnapshot.shadow(options.mode(), decision.inForce()))
                .by(options.shared());
        DecidedBatch second = decided(adapter, version, record, first.batch().batchId(), now, List.of(decision));
        transactions.publish(
                Map.of(batches, membership.committed(batches).orElseThrow()),
                transactions.toRecords(state, second),
                second);
        return Optional.of(second);
    }

    /**
     * Publishes pins again that were written between a calibrator's decision and its commit, so that the operator's
     * record is the last one. Called after every commit, and after an assignment for a calibrator that crashed
     * between its commit and this. Each is one transaction with an offset of an owned partition: a calibrator that has
     * lost its partitions could otherwise restore a pin that an operator has removed since.
     */
    void restorePins() {
        Map<String, byte[]> pins = tables.refreshBoundaries().overwrittenPins();
        if (pins.isEmpty()) {
            return;
        }
        Map<TopicPartition, OffsetAndMetadata> position = membership.anyPosition();
        if (position.isEmpty()) {
            return;
        }
        pins.forEach((adapter, pin) -> {
            LogFields.adapter(adapter)
                    .during(() -> LOG.infof("publishing the overwritten pin of '%s' again", LogText.of(adapter)));
            transactions.publishBoundary(adapter, pin, position);
        });
    }

    private static TopicPartition partitionOf(ConsumerRecord<byte[], byte[]> record) {
        return new TopicPartition(record.topic(), record.partition());
    }
}
