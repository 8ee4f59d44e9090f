package io.tidemark.stream.calibrator;

import io.tidemark.calibration.CalibrationPolicy;
import io.tidemark.stream.tables.TableReadException;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.TopicLayout;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.common.KafkaException;
import org.jboss.logging.Logger;

/**
 * The calibrator: consumes validation batches, scores them, and publishes calibration states and boundaries.
 *
 * <p>It handles one batch at a time on the thread {@code tidemark-calibrator}. When a Kafka client fails, a sweep is
 * abandoned or a batch causes an unexpected error, the thread opens a new {@link CalibratorSession}, which continues at
 * the last commit. {@link BatchAttempts} counts the failures of a batch across sessions and processes; the third one
 * makes it a dead letter.
 *
 * <p>The methods may be called from any thread.
 */
public final class CalibratorService implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(CalibratorService.class);
    private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

    /**
     * The settings of a calibrator.
     *
     * @param group           the consumer group that shares the batches
     * @param transactionalId the transactional id of the producer, unique for each process
     * @param policy          how boundaries are chosen
     */
    public record Options(String group, String transactionalId, CalibrationPolicy policy) {}

    private final Options options;
    private final KafkaConnection kafka;
    private final TopicLayout topics;
    private final BatchScorer scorer;
    private final CalibrationListener listener;
    private final String process = UUID.randomUUID().toString();
    private final Thread thread = new Thread(this::run, "tidemark-calibrator");
    private volatile Optional<String> disruption = Optional.empty();
    private volatile boolean running = true;

    private CalibratorService(
            Options options,
            KafkaConnection kafka,
            TopicLayout topics,
            BatchScorer scorer,
            CalibrationListener listener) {
        this.options = options;
        this.kafka = kafka;
        this.topics = topics;
        this.scorer = scorer;
        this.listener = listener;
    }

    /** Starts to consume. The topics must exist. */
    public static CalibratorService start(
            Options options,
            KafkaConnection kafka,
            TopicLayout topics,
            BatchScorer scorer,
            CalibrationListener listener) {
        CalibratorService service = new CalibratorService(options, kafka, topics, scorer, listener);
        service.thread.start();
        LOG.infof(
                "calibrator consumes batches from '%s' with objective %s",
                topics.validationBatches(), options.policy().objective().written());
        return service;
    }

    /** Why batches are not processed at the moment, for a health check. */
    public Optional<String> disruption() {
        return disruption;
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
            try (CalibratorSession session = new CalibratorSession(this, kafka, topics, scorer, listener)) {
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
        disruption = Optional.of(KafkaConnection.reason(failure));
        LockSupport.parkNanos(RETRY_NANOS);
    }

    Options options() {
        return options;
    }

    /** A random name of the process, for {@link BatchAttempts}. */
    String process() {
        return process;
    }

    /** False when the service is closed. */
    boolean isRunning() {
        return running;
    }

    /** Called when a session is a member of the group. */
    void joined() {
        disruption = Optional.empty();
    }
}
