package io.tidemark.stream.calibrator;

import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.KafkaException;
import org.jboss.logging.Logger;

/**
 * The calibrator: consumes validation batches, scores them, and publishes calibration states and boundaries.
 *
 * <p>It handles one batch at a time, on the thread that it is given. When a Kafka client fails, a sweep is abandoned or
 * a batch causes an unexpected exception, it opens a new {@link CalibratorSession}, which continues at the last commit.
 * An {@link Error} ends the calibrator and completes {@link #failure}: the owner ends the process.
 * {@link BatchAttempts} counts the failures of a batch across sessions and processes; the third one makes it a dead
 * letter.
 *
 * <p>The public methods may be called from any thread.
 */
public final class CalibratorService implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(CalibratorService.class);
    private static final Duration RETRY = Duration.ofSeconds(1);
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(30);
    private static final Duration CLOSE_POLL = Duration.ofMillis(10);

    private final CalibratorOptions options;
    private final KafkaThread thread;
    private final BatchScorer scorer;
    private final DecisionRecords records;
    private final DecisionReports reports;
    private final CalibratorRun run;
    private final CompletableFuture<Throwable> failure = new CompletableFuture<>();
    private volatile boolean ended;

    /** Used by the calibrator's thread only. Empty after a failure. */
    private Optional<CalibratorSession> session = Optional.empty();

    CalibratorService(CalibratorOptions options, KafkaThread thread, BatchScorer scorer, CalibrationListener listener) {
        this.options = options;
        this.thread = thread;
        this.scorer = scorer;
        this.records = new DecisionRecords(options);
        this.reports = new DecisionReports(options, listener);
        this.run = new CalibratorRun(listener);
    }

    /**
     * Starts to consume.
     *
     * @param thread runs the calibrator until it is closed
     */
    public static CalibratorService start(
            CalibratorOptions options, KafkaThread thread, BatchScorer scorer, CalibrationListener listener) {
        CalibratorService service = new CalibratorService(options, thread, scorer, listener);
        thread.thread().execute(service::run);
        LOG.infof(
                "calibrator consumes batches from %s with objective %s",
                options.topics().validationTopics().names(), options.objective().written());
        return service;
    }

    /** Why batches are not processed at the moment, for a health check. */
    public Optional<String> disruption() {
        return run.disruption();
    }

    /** Completed with the error that has ended the calibrator. The process must end. */
    public CompletionStage<Throwable> failure() {
        return failure.minimalCompletionStage();
    }

    /** False after the calibrator has ended. From then on, no batches are processed. */
    public boolean isAlive() {
        return !ended;
    }

    /**
     * Abandons a running batch; the next owner of its partition scores it. Waits at most 30 s for the calibrator to
     * end.
     */
    @Override
    public void close() {
        stop();
        Time time = thread.time();
        long start = time.nanoTime();
        while (!ended
                && time.nanosSince(start) < CLOSE_TIMEOUT.toNanos()
                && !Thread.currentThread().isInterrupted()) {
            time.sleep(CLOSE_POLL);
        }
    }

    /** Ends {@link #run} after the current turn. */
    void stop() {
        run.stop();
    }

    /** Consumes batches until the service is closed or an {@link Error} occurs. */
    void run() {
        try {
            while (run.isRunning()) {
                turn();
            }
        } catch (Error e) {
            LOG.error("the calibrator has failed", e);
            failure.complete(e);
        } finally {
            try {
                closeSession();
            } finally {
                ended = true;
            }
        }
    }

    /** Polls once and handles the batch that was found, in a new session if the last one has failed. */
    void turn() {
        try {
            if (session.isEmpty()) {
                session = Optional.of(new CalibratorSession(run, options, thread, scorer, records, reports));
            }
            session.get().turn();
        } catch (KafkaException | SweepAbandonedException e) {
            LOG.warnf("the calibrator restarts at its last commit: %s", KafkaConnection.reason(e));
            restartAfter(e);
        } catch (RuntimeException e) {
            LOG.error("the calibrator restarts at its last commit", e);
            restartAfter(e);
        }
    }

    private void restartAfter(Exception failed) {
        closeSession();
        run.disrupted(KafkaConnection.reason(failed));
        thread.time().sleep(RETRY);
    }

    private void closeSession() {
        Optional<CalibratorSession> closing = session;
        session = Optional.empty();
        try {
            closing.ifPresent(CalibratorSession::close);
        } catch (RuntimeException e) {
            LOG.warnf("closing the clients of the calibrator failed: %s", e.getMessage());
        }
    }
}
