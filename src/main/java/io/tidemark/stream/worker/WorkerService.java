package io.tidemark.stream.worker;

import io.smallrye.mutiny.Multi;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.boundary.AppliedBoundary;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.stream.metrics.WorkerMetrics;
import io.tidemark.stream.settings.TidemarkSettings;
import io.tidemark.stream.tables.BoundaryTable;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.TopicLayout;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.jboss.logging.Logger;

/** The worker's parts, put together and started. */
public final class WorkerService implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(WorkerService.class);

    private final RequestLifecycle desk;
    private final RequestIntake intake;
    private final CancellationReader cancellations;
    private final Duration grace;

    private WorkerService(
            RequestLifecycle desk, RequestIntake intake, CancellationReader cancellations, Duration grace) {
        this.desk = desk;
        this.intake = intake;
        this.cancellations = cancellations;
        this.grace = grace;
    }

    /**
     * Starts to consume: model, adapters, engine and table must stand.
     *
     * @param mostOpen requests that may run and wait in the engine at the same time
     */
    public static WorkerService start(
            TidemarkSettings settings,
            String worker,
            KafkaConnection kafka,
            TopicLayout topics,
            LanguageModel model,
            AdapterStore adapters,
            GenerationEngine engine,
            int mostOpen,
            BoundaryTable table,
            WorkerMetrics metrics,
            Multi<Message<byte[]>> requests) {
        int numLayers = model.config().numLayers();
        AdapterChoice choice = new AdapterChoice(model.name(), numLayers, adapters, table, metrics);
        AnswerWriter writer = new AnswerWriter(kafka.newProducer(Map.of("client.id", "tidemark-answers")), topics);
        Results results = new Results(new WorkerIdentity(model.name(), numLayers, worker), Clock.systemUTC());
        RequestLifecycle desk = new RequestLifecycle(
                Math.toIntExact(settings.limits().requestBytes().asLongValue()),
                new Admission(model, choice),
                adapters::lease,
                engine,
                writer,
                new Replies(writer, results, metrics, choice::metricName));
        CancellationReader cancellations = CancellationReader.start(kafka, topics.cancellations(), desk::cancel);
        RequestIntake intake = new RequestIntake(requests, desk, mostOpen);
        watch(metrics, model, adapters, engine, table, desk);
        engine.failure().thenRun(() -> {
            intake.stop();
            desk.handBack();
        });
        intake.start();
        LOG.infof("worker '%s' takes requests from '%s'", worker, topics.requests());
        return new WorkerService(desk, intake, cancellations, settings.worker().shutdownGrace());
    }

    /** Leaves what comes from now on to others; what is open goes on. */
    public void stopConsuming() {
        intake.stop();
    }

    /** Takes no more, finishes what runs within the grace, and hands back what is left. */
    public void drain() {
        intake.stop();
        int open = desk.open();
        int handedBack = desk.finishOrHandBack(grace);
        LOG.infof("stopped: %d open requests finished, %d handed back", open - handedBack, handedBack);
    }

    /** What only a restart can mend, for a health check. */
    public Optional<String> failure() {
        return intake.failure()
                .map(failure -> "requests are not consumed: " + failure.getMessage())
                .or(() -> cancellations.isAlive() ? Optional.empty() : Optional.of("cancellations are not heard"));
    }

    /** After {@link #drain}. */
    @Override
    public void close() {
        cancellations.close();
        desk.close();
    }

    private static void watch(
            WorkerMetrics metrics,
            LanguageModel model,
            AdapterStore adapters,
            GenerationEngine engine,
            BoundaryTable table,
            RequestLifecycle desk) {
        metrics.watch(
                "tidemark.queue.depth",
                "requests that wait in the engine",
                () -> engine.stats().queuedRequests());
        metrics.watch(
                "tidemark.running.rows",
                "rows in the running batch",
                () -> engine.stats().runningSequences());
        metrics.watch(
                "tidemark.kv.reserved.bytes",
                "memory reserved for keys and values",
                () -> engine.stats().kvBytesReserved());
        metrics.watch(
                "tidemark.prefix.cache.bytes",
                "memory of kept prefixes, part of that reserved",
                () -> engine.stats().prefixBytes());
        metrics.watch(
                "tidemark.prefix.cache.tokens",
                "prompt tokens taken over from kept prefixes since the start",
                () -> engine.stats().reusedPromptTokens());
        metrics.watch(
                "tidemark.engine.steps",
                "steps since the start",
                () -> engine.stats().steps());
        metrics.watch("tidemark.open.requests", "requests read and not yet answered", desk::open);
        metrics.watch(
                "tidemark.boundary.broken.records",
                "records of the boundary table that could not be read",
                table::brokenRecords);
        for (String id : adapters.ids()) {
            metrics.watch(
                    "tidemark.boundary",
                    "the boundary that the next request gets",
                    () -> boundary(model, adapters, table, id),
                    "adapter",
                    id);
        }
    }

    /** Not a number until the adapter has been loaded once: which record holds depends on its digest. */
    private static double boundary(LanguageModel model, AdapterStore adapters, BoundaryTable table, String id) {
        int numLayers = model.config().numLayers();
        return adapters.digest(id)
                .map(digest ->
                        AppliedBoundary.of(table.row(id).entry(), new LoadedVersion(model.name(), digest, numLayers)))
                .map(applied -> (double) applied.boundary().layers())
                .orElse(Double.NaN);
    }
}
