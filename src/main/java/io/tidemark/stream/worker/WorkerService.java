package io.tidemark.stream.worker;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.stream.metrics.WorkerMetrics;
import io.tidemark.stream.settings.TidemarkSettings;
import io.tidemark.stream.tables.BoundaryTable;
import io.tidemark.stream.tables.TableReadException;
import io.tidemark.stream.tables.TopicFollower;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.ReplyTopics;
import io.tidemark.stream.topics.TopicLayout;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.jboss.logging.Logger;

/**
 * The service that answers requests: reads them, runs them in the engine, and commits each result together with the
 * offset of its request. Thread-safe.
 */
public final class WorkerService implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(WorkerService.class);

    /** Longer than the longest wait of the loop for a broker. */
    private static final Duration STUCK = Duration.ofSeconds(60);

    private static final int RANDOM_CHARACTERS = 8;
    /** The tag by which a scaler tells installations apart. */
    private static final String GROUP = "group";

    private final RequestLifecycle requests;
    private final RequestLoop loop;
    private final CancellationReader cancellations;

    private WorkerService(RequestLifecycle requests, RequestLoop loop, CancellationReader cancellations) {
        this.requests = requests;
        this.loop = loop;
        this.cancellations = cancellations;
    }

    /**
     * The cluster as a worker sees it.
     *
     * @param worker  name of the process in results, and a part of its transactional id
     * @param replies the topics that results may go to
     * @param events  the channel of events; throws an exception if its buffer is full
     */
    public record Cluster(
            String worker,
            KafkaConnection kafka,
            TopicLayout topics,
            ReplyTopics replies,
            Consumer<Message<byte[]>> events) {}

    /**
     * The parts of a process that answer requests. They must stay open until the service is closed.
     *
     * @param boundaries read to the end of its topic
     * @param maxOpen    requests that may run and wait in the engine together
     */
    public record Backend(
            LanguageModel model,
            AdapterStore adapters,
            BoundaryTable boundaries,
            GenerationEngine engine,
            int maxOpen) {}

    /**
     * Reads the cancellations of the last hour, then starts to read requests on a thread of its own.
     *
     * @throws TableReadException if the cancellations are not read within {@code tidemark.tables.load-timeout}
     */
    public static WorkerService start(
            TidemarkSettings settings, Cluster cluster, Backend backend, WorkerMetrics metrics) {
        LanguageModel model = backend.model();
        AdapterStore adapters = backend.adapters();
        Admission admission = new Admission(
                model,
                adapters,
                backend.boundaries(),
                metrics,
                settings.limits().suggestAdapters() ? new AdapterSuggestions(adapters.ids()) : AdapterSuggestions.NONE);
        ReplyRouting routing = new ReplyRouting(settings.replies(), cluster.replies());
        EventWriter events = new EventWriter(routing, cluster.events());
        WorkEstimate work = new WorkEstimate(backend.engine());
        Results results = new Results(model.name(), model.config().numLayers(), cluster.worker(), Clock.systemUTC());
        RequestLifecycle requests = new RequestLifecycle(
                Math.toIntExact(settings.limits().requestBytes().asLongValue()),
                admission,
                adapters::lease,
                backend.engine(),
                events,
                new Answers(results, metrics, work, admission::metricTag),
                routing,
                Clock.systemUTC());
        String cancelled = cluster.topics().cancellations();
        CancellationReader cancellations = CancellationReader.start(
                KafkaThread.named(TopicFollower.threadName(cancelled), cluster.kafka()),
                cancelled,
                new TopicFollower.Limits(
                        settings.tables().loadTimeout(), settings.tables().maxStaleness()),
                requests::cancel);
        RequestLoop loop = new RequestLoop(
                new RequestLoop.Options(
                        settings.worker().group(),
                        transactionalId(settings.worker().group(), cluster.worker()),
                        backend.maxOpen(),
                        settings.worker().lowPriorityShare(),
                        settings.worker().revokeGrace(),
                        settings.worker().shutdownGrace()),
                cluster.kafka(),
                cluster.topics(),
                routing,
                requests,
                work);
        metrics.bindLag(cancellations.follower());
        String group = settings.worker().group();
        bindEngine(metrics, backend.engine(), group);
        bindWork(metrics, work, requests, cluster.topics().requestTopics(), group);
        bindBoundaries(metrics, backend, admission);
        metrics.gauge("tidemark.open.requests", "requests that run or wait in the engine", loop::openRequests);
        metrics.counter(
                "tidemark.events.dropped", "events that the broker did not take in time", events, EventWriter::dropped);
        backend.engine().failure().thenRun(loop::crash);
        loop.start();
        LOG.infof(
                "worker '%s' reads requests from %s",
                cluster.worker(), cluster.topics().requestTopics());
        return new WorkerService(requests, loop, cancellations);
    }

    /** Stops accepting requests. Open requests continue. */
    public void stopConsuming() {
        loop.stop();
    }

    /** Stops accepting requests, finishes open ones within the grace period, and abandons the rest for redelivery. */
    public void drain() {
        loop.stop();
        loop.close();
        LOG.infof("worker stopped: %d open requests abandoned for redelivery", loop.abandonedRequests());
    }

    /** Completed with the error that has ended the thread of the requests or that of the cancellations. */
    public CompletionStage<Throwable> loopFailure() {
        return loop.failure()
                .applyToEither(cancellations.follower().failure(), failure -> failure)
                .minimalCompletionStage();
    }

    /** A failure that only a restart resolves, for a health check. */
    public Optional<String> failure() {
        if (!loop.isAlive()) {
            return Optional.of("the thread that reads requests has ended");
        }
        return cancellations.isAlive()
                ? Optional.empty()
                : Optional.of("the thread that reads cancellations has ended");
    }

    /** Why requests are not answered at the moment, for a health check. */
    public Optional<String> disruption() {
        return loop.disruption()
                .or(() -> loop.sinceLastTurn().compareTo(STUCK) > 0
                        ? Optional.of("the thread that reads requests has waited for the broker for "
                                + loop.sinceLastTurn().toSeconds() + " s")
                        : Optional.empty())
                .or(() -> cancellations.disruption().map(reason -> "cancellations may be missing: " + reason));
    }

    /** Closes the consumer of cancellations. Called after {@link #drain}. */
    @Override
    public void close() {
        cancellations.close();
        requests.close();
    }

    /**
     * A transactional id that is new for each process: a process that follows a dead one of the same name must not look
     * like it.
     */
    private static String transactionalId(String group, String worker) {
        return group + RequestLoop.Options.SEPARATOR + worker + "-"
                + UUID.randomUUID().toString().substring(0, RANDOM_CHARACTERS);
    }

    private static void bindWork(
            WorkerMetrics metrics, WorkEstimate work, RequestLifecycle requests, List<String> topics, String group) {
        metrics.gauge(
                "tidemark.outstanding.tokens",
                "tokens that the requests in the engine still need; an estimate",
                work::outstandingTokens,
                GROUP,
                group);
        topics.forEach(topic -> metrics.gauge(
                "tidemark.waiting.records",
                "records in the owned partitions of a topic that are not in the engine yet; an estimate",
                () -> work.waitingRecords(topic) + requests.admitting(topic),
                GROUP,
                group,
                "topic",
                topic));
        metrics.gauge(
                "tidemark.tokens.per.record",
                "mean tokens of recent records",
                () -> work.tokensPerRecord().orElse(Double.NaN),
                GROUP,
                group);
        metrics.gauge(
                "tidemark.tokens.per.second",
                "tokens that the worker can process in a second",
                () -> work.tokensPerSecond().orElse(Double.NaN),
                GROUP,
                group);
    }

    private static void bindEngine(WorkerMetrics metrics, GenerationEngine engine, String group) {
        metrics.gauge(
                "tidemark.queue.depth",
                "requests that wait in the engine",
                () -> engine.stats().queuedRequests());
        metrics.gauge(
                "tidemark.running.rows",
                "running sequences",
                () -> engine.stats().runningSequences());
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
                "tidemark.engine.tokens",
                "prompt tokens processed, those from the prefix cache included, and tokens generated",
                engine,
                source -> source.stats().tokens(),
                GROUP,
                group);
    }

    private static void bindBoundaries(WorkerMetrics metrics, Backend backend, Admission admission) {
        metrics.counter(
                "tidemark.boundary.broken.records",
                "records of the boundary table that could not be parsed",
                backend.boundaries(),
                BoundaryTable::brokenRecords);
        backend.adapters()
                .ids()
                .forEach(id -> metrics.gauge(
                        "tidemark.boundary",
                        "boundary of the next request",
                        () -> admission.currentBoundary(id).stream()
                                .asDoubleStream()
                                .findFirst()
                                .orElse(Double.NaN),
                        "adapter",
                        id));
    }
}
