package io.tidemark.stream.calibrator;

import io.tidemark.calibration.BoundarySweep;
import io.tidemark.calibration.CalibrationState;
import io.tidemark.calibration.ExampleScore;
import io.tidemark.message.ErrorBody;
import io.tidemark.stream.topics.DeadLetter;
import io.tidemark.stream.topics.TopicLayout;
import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jboss.logging.Logger;

/**
 * Works through validation batches one by one: read, sweep, add to the state, decide, commit. Ends with a
 * {@link KafkaException} when a client has become useless; whoever runs it opens another session, which begins again at
 * the last commit. Belongs to one thread.
 */
final class CalibratorSession {

    private static final Logger LOG = Logger.getLogger(CalibratorSession.class);
    private static final Duration POLL = Duration.ofMillis(200);

    private final TopicLayout topics;
    private final Consumer<byte[], byte[]> consumer;
    private final CalibratorTables tables;
    private final BatchTransactions transactions;
    private final BatchReader reader;
    private final BoundarySweep sweep;
    private final SweepPace pace;
    private final Conclusions conclusions;
    private final CalibrationListener listener;
    private final Assignment assignment;
    private final KeepAlive keepAlive;

    CalibratorSession(
            TopicLayout topics,
            Consumer<byte[], byte[]> consumer,
            CalibratorTables tables,
            BatchTransactions transactions,
            BatchReader reader,
            BoundarySweep sweep,
            SweepPace pace,
            Conclusions conclusions,
            CalibrationListener listener) {
        this.topics = topics;
        this.consumer = consumer;
        this.tables = tables;
        this.transactions = transactions;
        this.reader = reader;
        this.sweep = sweep;
        this.pace = pace;
        this.conclusions = conclusions;
        this.listener = listener;
        this.assignment = new Assignment(consumer, tables);
        this.keepAlive = new KeepAlive(consumer);
    }

    void run(BooleanSupplier running) {
        consumer.subscribe(List.of(topics.validationBatches()), assignment);
        while (running.getAsBoolean()) {
            ConsumerRecords<byte[], byte[]> batches = consumer.poll(POLL);
            if (assignment.takeChanged()) {
                conclusions.publishOvertakenPins();
            }
            for (ConsumerRecord<byte[], byte[]> batch : batches) {
                handle(batch, running);
            }
        }
    }

    private void handle(ConsumerRecord<byte[], byte[]> batch, BooleanSupplier running) {
        TopicPartition partition = new TopicPartition(batch.topic(), batch.partition());
        BooleanSupplier goOn = () -> {
            keepAlive.tick();
            return running.getAsBoolean() && assignment.owns(partition);
        };
        try (UsableBatch usable = reader.read(batch.value(), goOn)) {
            tables.refreshEvidence();
            CalibrationState state = tables.evidence().of(usable.adapter().id(), batch.partition(), usable.version());
            if (tables.evidence().with(state, usable.version()).hasCounted(usable.batchId())) {
                LOG.infof(
                        "batch '%s' of '%s' has been counted before",
                        usable.batchId(), usable.adapter().id());
                transactions.commit(batch, List.of());
                return;
            }
            long begun = System.nanoTime();
            List<ExampleScore> scores = score(usable, goOn);
            if (!assignment.owns(partition)) {
                throw new SweepAbandoned();
            }
            keepAlive.end();
            conclusions.conclude(
                    batch, usable, state.plus(usable.batchId(), scores), (System.nanoTime() - begun) / 1e9);
        } catch (BatchUnusable e) {
            LOG.warnf(
                    "the batch at %s-%d@%d can't be used: %s",
                    batch.topic(), batch.partition(), batch.offset(), e.getMessage());
            transactions.commit(batch, List.of(DeadLetter.of(batch, e.error(), topics.validationDeadLetters())));
            listener.onRefused(e.error());
        } catch (SweepAbandoned e) {
            LOG.infof("left the batch at %s-%d@%d", batch.topic(), batch.partition(), batch.offset());
        } finally {
            keepAlive.end();
        }
    }

    private List<ExampleScore> score(UsableBatch usable, BooleanSupplier goOn) throws SweepAbandoned, BatchUnusable {
        try {
            return pace.run(sweep.start(usable.adapter().weights(), usable.examples()), progress -> {
                listener.onProgress(usable.adapter().id(), usable.batchId(), progress);
                return goOn.getAsBoolean();
            });
        } catch (KafkaException e) {
            throw e;
        } catch (RuntimeException e) {
            LOG.errorf(e, "sweeping batch '%s' has failed", usable.batchId());
            throw new BatchUnusable(ErrorBody.serverError("sweep_failed", "the batch could not be scored"));
        }
    }
}
