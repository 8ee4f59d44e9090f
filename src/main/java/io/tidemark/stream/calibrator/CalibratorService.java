package io.tidemark.stream.calibrator;

import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.TurnLoop;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import org.apache.kafka.common.KafkaException;
import org.jboss.logging.Logger;

/**
 * The calibrator: consumes validation batches, scores them, and publishes calibration states and boundaries.
 *
 * <p>It handles one batch at a time, on the thread that it is given. When a Kafka client fails, a sweep is abandoned or
 * a batch causes an unexpected exception, it opens a new {@link CalibratorSession}, which continues at the last commit.
 * {@link BatchAttempts} counts the failures of a batch across sessions and processes; the third one makes it a dead
 * letter. {@link #close} abandons a running batch, which the next owner of its partition scores.
 */
public final class CalibratorService extends TurnLoop {

    private static final Logger LOG = Logger.getLogger(CalibratorService.class);
    private static final Duration RETRY = Duration.ofSeconds(1);
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(30);

    private final CalibratorOptions options;
    private final KafkaThread thread;
    private final BatchScorer scorer;
    private final DecisionRecords records;
    private final DecisionReports reports;
    /** A random name of the process, for {@link BatchAttempts}. */
    private final String process = UUID.randomUUID().toString();

    private volatile Optional<String> disruption = Optional.empty();

    /** The open session; empty after a failure. Only the calibrator's thread uses it. */
    private Optional<CalibratorSession> session = Optional.empty();

    CalibratorService(CalibratorOptions options, KafkaThread thread, BatchScorer scorer, CalibrationListener listener) {
        super("the calibrator", CLOSE_TIMEOUT, thread.time());
        this.options = options;
        this.thread = thread;
        this.scorer = scorer;
        this.records = new DecisionRecords(options);
        this.reports = new DecisionReports(options, listener);
    }

    /**
     * Starts to consume.
     *
     * @param thread runs the calibrator until it is closed
     */
    public static CalibratorService start(
            CalibratorOptions options, KafkaThread thread, BatchScorer scorer, CalibrationListener listener) {
        CalibratorService service = new CalibratorService(options, thread, scorer, listener);
        thread.thread().execute(service);
        LOG.infof(
                "calibrator consumes batches from %s with objective %s",
                options.topics().validationTopics().names(), options.objective().written());
        return service;
    }

    /** Why batches are not processed at the moment, for a health check. */
    public Optional<String> disruption() {
        return disruption;
    }

    /** Polls once and handles the batch that was found, in a new session if the last one has failed. */
    @Override
    protected void turn() {
        try {
            if (session.isEmpty()) {
                session = Optional.of(
                        new CalibratorSession(options, process, this::isRunning, thread, scorer, records, reports));
            }
            session.get().turn(() -> disruption = Optional.empty());
        } catch (KafkaException | SweepAbandonedException e) {
            LOG.warnf("the calibrator restarts at its last commit: %s", KafkaConnection.reason(e));
            restartAfter(e);
        } catch (RuntimeException e) {
            LOG.error("the calibrator restarts at its last commit", e);
            restartAfter(e);
        }
    }

    private void restartAfter(Exception failed) {
        end();
        disruption = Optional.of(KafkaConnection.reason(failed));
        thread.time().sleep(RETRY);
    }

    @Override
    protected void end() {
        Optional<CalibratorSession> closing = session;
        session = Optional.empty();
        try {
            closing.ifPresent(CalibratorSession::close);
        } catch (RuntimeException e) {
            LOG.warnf("closing the clients of the calibrator failed: %s", e.getMessage());
        }
    }
}
