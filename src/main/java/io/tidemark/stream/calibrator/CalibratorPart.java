package io.tidemark.stream.calibrator;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.calibration.BoundaryDecision;
import io.tidemark.calibration.BoundarySweep;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.stream.tables.TableNotRead;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.TopicLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.jboss.logging.Logger;

/** The calibrator on its thread {@code tidemark-calibrator}: one session after another until it is closed. */
public final class CalibratorPart implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(CalibratorPart.class);
    private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final CalibratorOptions options;
    private final KafkaConnection kafka;
    private final TopicLayout topics;
    private final LanguageModel model;
    private final BatchReader reader;
    private final SweepPace pace;
    private final CalibrationListener listener;
    private final AtomicReference<String> trouble = new AtomicReference<>();
    private final Thread thread = new Thread(this::run, "tidemark-calibrator");
    private volatile boolean running = true;

    private CalibratorPart(
            CalibratorOptions options,
            KafkaConnection kafka,
            TopicLayout topics,
            LanguageModel model,
            AdapterStore adapters,
            SweepPace pace,
            CalibrationListener listener) {
        this.options = options;
        this.kafka = kafka;
        this.topics = topics;
        this.model = model;
        this.reader = new BatchReader(model, adapters);
        this.pace = pace;
        this.listener = listener;
    }

    /** Starts to consume; model and adapters must stand, and stay open until this is closed. */
    public static CalibratorPart start(
            CalibratorOptions options,
            KafkaConnection kafka,
            TopicLayout topics,
            LanguageModel model,
            AdapterStore adapters,
            SweepPace pace,
            CalibrationListener listener) {
        CalibratorPart part = new CalibratorPart(options, kafka, topics, model, adapters, pace, listener);
        part.thread.start();
        LOG.infof(
                "calibrator takes batches from '%s' (%s)",
                topics.validationBatches(), options.policy().objective().written());
        return part;
    }

    /** Why batches are not worked through at the moment, for a health check. */
    public Optional<String> trouble() {
        return Optional.ofNullable(trouble.get());
    }

    /** False when the thread has died: no batch will be worked through again. */
    public boolean isAlive() {
        return thread.isAlive();
    }

    private void run() {
        while (running) {
            try {
                session();
            } catch (WakeupException e) {
                // close() asks for the end; the loop's condition sees it
            } catch (KafkaException | TableNotRead e) {
                LOG.warnf("calibration begins again at its last commit: %s", e.getMessage());
                trouble.set(e.getMessage());
                LockSupport.parkNanos(RETRY_NANOS);
            } catch (RuntimeException e) {
                LOG.error("calibration begins again at its last commit", e);
                trouble.set(String.valueOf(e.getMessage()));
                LockSupport.parkNanos(RETRY_NANOS);
            }
        }
    }

    private void session() {
        try (KafkaConsumer<byte[], byte[]> consumer = newConsumer();
                CalibratorTables tables = new CalibratorTables(kafka.properties(), topics);
                BatchTransactions transactions = new BatchTransactions(kafka, options.transactionalId(), consumer)) {
            trouble.set(null);
            Conclusions conclusions =
                    new Conclusions(topics, tables, transactions, new BoundaryDecision(options.policy()), listener);
            new CalibratorSession(
                            topics,
                            consumer,
                            tables,
                            transactions,
                            reader,
                            new BoundarySweep(model, options.sweep()),
                            pace,
                            conclusions,
                            listener)
                    .run(() -> running);
        }
    }

    private KafkaConsumer<byte[], byte[]> newConsumer() {
        Map<String, Object> config = new HashMap<>(kafka.properties());
        config.put(ConsumerConfig.GROUP_ID_CONFIG, options.group());
        config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
        // offsets that are part of an open transaction are waited for
        config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        config.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 1);
        config.put(ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG, CooperativeStickyAssignor.class.getName());
        return new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    /** Leaves a batch that is under way; whoever gets its partition scores it. */
    @Override
    public void close() {
        running = false;
        try {
            thread.join(TimeUnit.SECONDS.toMillis(30));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
