package io.tidemark.stream.worker;

import io.smallrye.mutiny.Multi;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.stream.metrics.WorkerMetrics;
import io.tidemark.stream.settings.TidemarkSettings;
import io.tidemark.stream.tables.BoundaryTable;
import io.tidemark.stream.tables.TopicFollower;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.TopicLayout;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.jboss.logging.Logger;

/**
 * The service that answers requests: consumes them, runs them in the engine, and produces their answers. A consumed
 * request is committed only after the broker has its answer. Thread-safe.
 */
public final class WorkerService implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(WorkerService.class);

    private final RequestLifecycle requests;
    private final RequestIntake intake;
    private final CancellationReader cancellations;
    private final Duration grace;

    private WorkerService(
            RequestLifecycle requests, RequestIntake intake, CancellationReader cancellations, Duration grace) {
        this.requests = requests;
        this.intake = intake;
        this.cancellations = cancellations;
        this.grace = grace;
    }

    /**
     * Starts to consume requests. Model, adapters and engine must stay open until this service is closed.
     *
     * @param worker          name of the process in results
     * @param maxOpenRequests requests that may run and wait in the engine together
     * @param boundaries      read to the end of its topic
     * @param channel         subscribed to by this method
     */
    public static WorkerService start(
            TidemarkSettings settings,
            String worker,
            KafkaConnection kafka,
            TopicLayout topics,
            LanguageModel model,
            AdapterStore adapters,
            GenerationEngine engine,
            int maxOpenRequests,
            BoundaryTable boundaries,
            WorkerMetrics metrics,
            Multi<Message<byte[]>> channel) {
        Admission admission = new Admission(model, adapters, boundaries, metrics);
        AnswerWriter writer = new AnswerWriter(kafka.newProducer(Map.of("client.id", "tidemark-answers")), topics);
        Results results = new Results(model.name(), model.config().numLayers(), worker, Clock.systemUTC());
        RequestLifecycle requests = new RequestLifecycle(
                Math.toIntExact(settings.limits().requestBytes().asLongValue()),
                admission,
                adapters::lease,
                engine,
                new Replies(writer, results, metrics, admission::metricTag));
        CancellationReader cancellations = CancellationReader.start(
                kafka,
                topics.cancellations(),
                new TopicFollower.Limits(
                        settings.tables().loadTimeout(), settings.tables().maxStaleness()),
                requests::cancel);
        metrics.bindLag(cancellations.follower());
        RequestIntake intake = new RequestIntake(channel, requests, maxOpenRequests);
        bindMetrics(metrics, engine, boundaries, requests);
        adapters.ids()
                .forEach(id -> metrics.gauge(
                        "tidemark.boundary",
                        "boundary of the next request",
                        () -> admission.currentBoundary(id).stream()
                                .asDoubleStream()
                                .findFirst()
                                .orElse(Double.NaN),
                        "adapter",
                        id));
        engine.failure().thenRun(() -> {
            intake.stop();
            requests.abandonForRedelivery();
        });
        intake.start();
        LOG.infof("worker '%s' consumes requests from '%s'", worker, topics.requests());
        return new WorkerService(
                requests, intake, cancellations, settings.worker().shutdownGrace());
    }

    /** Stops accepting requests. Open requests continue. */
    public void stopConsuming() {
        intake.stop();
    }

    /** Stops accepting requests, finishes open ones within the grace period, and abandons the rest for redelivery. */
    public void drain() {
        intake.stop();
        int open = requests.openRequests();
        int abandoned = requests.drain(grace);
        LOG.infof(
                "worker stopped: %d open requests finished, %d abandoned for redelivery", open - abandoned, abandoned);
    }

    /** A failure that only a restart resolves, for a health check. */
    public Optional<String> failure() {
        return intake.failure()
                .map(failure -> "requests are not consumed: " + failure.getMessage())
                .or(() -> cancellations.isAlive()
                        ? Optional.empty()
                        : Optional.of("the thread that reads cancellations has ended"));
    }

    /** A disruption that may resolve itself, for a health check. */
    public Optional<String> disruption() {
        return cancellations.disruption().map(reason -> "cancellations may be missing: " + reason);
    }

    /** Closes the consumer of cancellations and the producer. Called after {@link #drain}. */
    @Override
    public void close() {
        cancellations.close();
        requests.close();
    }

    private static void bindMetrics(
            WorkerMetrics metrics, GenerationEngine engine, BoundaryTable boundaries, RequestLifecycle requests) {
        metrics.gauge(
                "tidemark.queue.depth",
                "requests that wait in the engine",
                () -> engine.stats().queuedRequests());
        metrics.gauge(
                "tidemark.running.rows",
                "running sequences",
                () -> engine.stats().runningSequences());
        metrics.gauge("tidemark.open.requests", "requests that are read and not answered", requests::openRequests);
        metrics.gauge(
                "tidemark.kv.reserved.bytes",
                "memory reserved for keys and values",
                () -> engine.stats().kvBytesReserved());
        metrics.gauge(
                "tidemark.prefix.cache.bytes",
                "reserved memory that holds cached prefixes",
                () -> engine.stats().prefixBytes());
        metrics.counter(
                "tidemark.prefix.cache.tokens",
                "prompt tokens read from cached prefixes",
                engine,
                source -> source.stats().reusedPromptTokens());
        metrics.counter(
                "tidemark.engine.steps",
                "steps of all instances",
                engine,
                source -> source.stats().steps());
        metrics.counter(
                "tidemark.boundary.broken.records",
                "records of the boundary table that could not be parsed",
                boundaries,
                BoundaryTable::brokenRecords);
    }
}
