package io.tidemark.stream.worker;

import io.tidemark.load.WorkEstimate;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.TopicLayout;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.KafkaException;
import org.jboss.logging.Logger;

/**
 * The thread {@code tidemark-requests}, which reads requests, starts them, and has each answer committed together with
 * the offset of its request. It runs one {@link RequestSession} after the other: an error of the consumer ends a session,
 * all requests are abandoned, and a new consumer joins the group.
 *
 * <p>The methods that start, stop and observe the loop may be called from any thread.
 */
final class RequestLoop implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(RequestLoop.class);
    private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);
    /** How long after the grace period calls to an unresponsive broker are repeated. */
    private static final long CLOSE_NANOS = TimeUnit.SECONDS.toNanos(20);
    /** Upper bound for the last calls and for closing the clients. */
    private static final Duration CLIENTS_CLOSE = Duration.ofSeconds(20);

    /**
     * @param group           consumer group of the workers
     * @param transactionalId of this process
     * @param maxOpen         requests that run or wait in the engine together
     * @param lowerShare      share of starts of lower topics, see {@link ReadAhead}
     * @param revokeGrace     time that requests of a revoked partition have to end
     * @param grace           time that open requests have to end after {@link #stop}
     */
    record Options(
            String group,
            String transactionalId,
            int maxOpen,
            double lowerShare,
            Duration revokeGrace,
            Duration grace) {

        /** Between group and worker in a transactional id. */
        static final String SEPARATOR = "/";
    }

    private final Options options;
    private final KafkaConnection kafka;
    private final TopicLayout topics;
    private final ReplyRouting routing;
    private final RequestLifecycle requests;
    private final WorkEstimate work;
    private final Thread thread = new Thread(this::run, "tidemark-requests");
    private final CompletableFuture<Throwable> failure = new CompletableFuture<>();
    private final Object wakeLock = new Object();
    /** The consumer that polls at the moment. Guarded by {@code wakeLock}. */
    private Optional<Consumer<?, ?>> polling = Optional.empty();

    private volatile Optional<String> disruption = Optional.empty();
    private volatile int openRequests;
    private volatile int abandonedRequests;
    private volatile boolean stopping;
    private volatile boolean crashed;
    private volatile long stopNanos;
    private volatile long lastTurnNanos = System.nanoTime();

    RequestLoop(
            Options options,
            KafkaConnection kafka,
            TopicLayout topics,
            ReplyRouting routing,
            RequestLifecycle requests,
            WorkEstimate work) {
        this.options = options;
        this.kafka = kafka;
        this.topics = topics;
        this.routing = routing;
        this.requests = requests;
        this.work = work;
    }

    void start() {
        thread.start();
    }

    /** Starts no more requests, and ends the loop when the open ones are answered or their grace period is over. */
    void stop() {
        stopNanos = System.nanoTime();
        stopping = true;
        wake();
    }

    /**
     * Ends the loop without a release of the partitions, because the engine has failed: the next owners count a death.
     */
    void crash() {
        crashed = true;
        requests.abandonAll();
        wake();
    }

    /** Number of requests that run or wait in the engine. */
    int openRequests() {
        return openRequests;
    }

    /** Number of open requests that were abandoned because the grace period was over. */
    int abandonedRequests() {
        return abandonedRequests;
    }

    /** Why requests are not answered at the moment, for a health check. */
    Optional<String> disruption() {
        return disruption;
    }

    /** Time since the last turn of the loop. */
    Duration sinceLastTurn() {
        return Duration.ofNanos(System.nanoTime() - lastTurnNanos);
    }

    /** Completed with the error that has ended the thread. */
    CompletableFuture<Throwable> failure() {
        return failure;
    }

    boolean isAlive() {
        return thread.isAlive();
    }

    /**
     * Waits for the end of the loop, for at most 40 s more than the grace period. Call {@link #stop} or {@link #crash}
     * before.
     */
    @Override
    public void close() {
        try {
            thread.join(
                    options.grace().plusNanos(CLOSE_NANOS).plus(CLIENTS_CLOSE).toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        try {
            while (!isOver()) {
                try (RequestSession session = new RequestSession(this, kafka, topics, routing, requests, work)) {
                    session.run();
                } catch (KafkaException e) {
                    LOG.warnf("requests are read again from the last commit: %s", KafkaConnection.reason(e));
                    retryAfter(e);
                } catch (RuntimeException e) {
                    LOG.error("requests are read again from the last commit", e);
                    retryAfter(e);
                }
            }
        } catch (Error e) {
            LOG.error("the thread that reads requests has failed", e);
            failure.complete(e);
        }
    }

    private void retryAfter(RuntimeException reason) {
        disruption = Optional.of(KafkaConnection.reason(reason));
        if (!isOver()) {
            LockSupport.parkNanos(RETRY_NANOS);
        }
    }

    Options options() {
        return options;
    }

    /** Whether the loop should end. */
    boolean isOver() {
        return stopping || crashed;
    }

    boolean isStopping() {
        return stopping;
    }

    boolean isCrashed() {
        return crashed;
    }

    boolean isGraceOver() {
        return stopping && System.nanoTime() - stopNanos > options.grace().toNanos();
    }

    /** Whether a broker that does not respond should no longer delay the end of the process. */
    boolean givesUp() {
        return crashed
                || stopping && System.nanoTime() - stopNanos > options.grace().toNanos() + CLOSE_NANOS;
    }

    /** Called before and after each poll, so that {@link #wake} can end it. */
    void polls(Optional<Consumer<?, ?>> consumer) {
        synchronized (wakeLock) {
            polling = consumer;
        }
    }

    /** Makes a poll return. */
    void wake() {
        synchronized (wakeLock) {
            polling.ifPresent(Consumer::wakeup);
        }
    }

    /** Called after each turn of a session. */
    void turned(int open) {
        openRequests = open;
        lastTurnNanos = System.nanoTime();
    }

    /** @param reason why requests are not answered at the moment */
    void disrupted(Optional<String> reason) {
        disruption = reason;
    }

    /** Called when the grace period is over. */
    void abandoned(int open) {
        abandonedRequests = open;
    }
}
