package io.tidemark.stream.serving;

import io.tidemark.adapter.AdapterSuggestions;
import io.tidemark.catalog.AdapterCatalog;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.load.HeapBudget;
import io.tidemark.load.WorkEstimate;
import io.tidemark.message.UnknownField;
import io.tidemark.request.Admission;
import io.tidemark.request.AnswerFormats;
import io.tidemark.request.Answers;
import io.tidemark.request.RequestParser;
import io.tidemark.request.RequestRunner;
import io.tidemark.request.Watchdog;
import io.tidemark.stream.delivery.CancellationReader;
import io.tidemark.stream.delivery.DeliveryLoop;
import io.tidemark.stream.delivery.DeliveryOptions;
import io.tidemark.stream.delivery.DeliveryStatus;
import io.tidemark.stream.delivery.LoopControl;
import io.tidemark.stream.delivery.Tenants;
import io.tidemark.stream.delivery.reply.EventWriter;
import io.tidemark.stream.delivery.reply.ReplyRouting;
import io.tidemark.stream.metrics.WorkerMetrics;
import io.tidemark.stream.settings.TidemarkSettings;
import io.tidemark.stream.settings.TidemarkSettings.LimitSettings.UnknownFields;
import io.tidemark.stream.tables.BoundaryTable;
import io.tidemark.stream.tables.TopicFollower;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.ReplyTopics;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.topics.TransactionalId;
import io.tidemark.tenant.TenantTurns;
import io.tidemark.tenant.TenantWeights;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.jboss.logging.Logger;

/**
 * The service that answers requests: reads them, runs them in the engine, and commits each result together with the
 * offset of its request. It creates the threads of all that.
 */
final class WorkerService implements Service {

    private static final Logger LOG = Logger.getLogger(WorkerService.class);

    /** How long a turn may take: longer than the longest wait of the loop for a broker. */
    private static final Duration STUCK = Duration.ofSeconds(60);

    private static final Duration ADMISSION_END = Duration.ofSeconds(10);
    /** The large prompts of one tenant delay those of no other. */
    private static final int ADMISSION_THREADS = 2;
    /** The slow formats of one tenant delay those of no other. */
    private static final int FORMAT_THREADS = 2;

    private final LoopControl control;
    private final DeliveryStatus status;
    private final RequestRunner requests;
    private final CancellationReader cancellations;
    private final Duration grace;
    private final Runnable halt;
    private final Runnable boundaries;
    private final Thread thread;
    private final ExecutorService admissionThreads;
    private final ExecutorService formatThreads;
    private final ExecutorService transactionThread = executor("tidemark-transactions");
    private final ExecutorService probeThread = executor("tidemark-probes");
    private final DeadlineTimer deadlines = DeadlineTimer.create();
    private final CompletableFuture<Throwable> error = new CompletableFuture<>();

    /**
     * The cluster as a worker sees it.
     *
     * @param worker  name of the process in results, and a part of its transactional id
     * @param tenants who may send requests
     * @param replies the topics that results may go to
     * @param events  the channel of events; throws an exception if its buffer is full
     * @param outage  whether no broker has responded for some seconds
     */
    record WorkerCluster(
            String worker,
            KafkaConnection kafka,
            TopicLayout topics,
            Tenants tenants,
            ReplyTopics replies,
            Consumer<Message<byte[]>> events,
            BooleanSupplier outage) {}

    /**
     * The parts of a process that answer requests. They must stay open until the service is closed.
     *
     * @param adapters    what names stand for
     * @param suggestions what errors for unknown adapters say
     * @param boundaries the boundary table, read to the end of its topic
     * @param formats    compiles the formats that answers may have
     * @param maxRunning requests that may run and wait in the engine together
     * @param limits     the time limits of steps and admissions
     */
    record Backend(
            LanguageModel model,
            AdapterCatalog adapters,
            AdapterSuggestions suggestions,
            BoundaryTable boundaries,
            AnswerFormats formats,
            GenerationEngine engine,
            int maxRunning,
            Watchdog.TimeLimits limits) {}

    /**
     * Reads the cancellations of the last hour, then starts to read requests.
     *
     * @param halt ends the process at once: an admission hangs, so that the model can't be closed
     * @throws org.apache.kafka.common.errors.TimeoutException if no cancellations can be read within
     *     {@code tidemark.tables.load-timeout}
     */
    WorkerService(
            TidemarkSettings settings, WorkerCluster cluster, Backend backend, WorkerMetrics metrics, Runnable halt) {
        this.halt = halt;
        HeapBudget budget =
                new HeapBudget(Runtime.getRuntime().maxMemory(), TidemarkSettings.TopicSettings.MAX_RECORD_BYTES);
        int maxRequestBytes = Math.toIntExact(settings.limits().requestBytes().asLongValue());
        LanguageModel model = backend.model();
        AdapterCatalog adapters = backend.adapters();
        Time time = Time.system();
        grace = settings.worker().shutdownGrace();
        control = new LoopControl(grace, cluster.outage(), time);
        TenantWeights weights = cluster.tenants().weights(settings.worker().lowPriorityShare());
        admissionThreads = Executors.newFixedThreadPool(ADMISSION_THREADS, lowPriority(model, "tidemark-admission-"));
        formatThreads = Executors.newFixedThreadPool(FORMAT_THREADS, lowPriority(model, "tidemark-formats-"));
        Admission admission =
                new Admission(model, adapters, backend.boundaries(), backend.formats(), backend.suggestions(), metrics);
        requests = new RequestRunner(
                new RequestParser(
                        maxRequestBytes,
                        settings.limits().unknownFields() == UnknownFields.REFUSE
                                ? field -> Optional.of(RequestParser.refusal(field))
                                : UnknownField.Rule.IGNORE),
                admission,
                adapters::lease,
                backend.engine(),
                new Answers(model.name(), model.config().numLayers(), cluster.worker(), time),
                new RequestRunner.RequestThreads(
                        new TenantTurns(admissionThreads, ADMISSION_THREADS, weights),
                        new TenantTurns(formatThreads, FORMAT_THREADS, weights),
                        deadlines,
                        backend.limits()),
                time,
                this::fail);
        String cancelled = cluster.topics().cancellations();
        cancellations = CancellationReader.start(
                KafkaThread.named(TopicFollower.threadName(cancelled), cluster.kafka()),
                cancelled,
                new TopicFollower.Limits(
                        settings.tables().loadTimeout(), settings.tables().maxStaleness()),
                requests::cancel);
        cancellations.follower().failure().thenAccept(this::fail);
        // after the cancellations, whose reading may take long
        status = new DeliveryStatus(time);
        EventWriter events = new EventWriter(cluster.events());
        WorkEstimate work = new WorkEstimate(backend.engine());
        String group = settings.worker().group();
        DeliveryLoop loop = new DeliveryLoop(
                new DeliveryOptions(
                        TransactionalId.ofWorker(group, cluster.worker()),
                        backend.maxRunning(),
                        settings.worker().lowPriorityShare(),
                        maxRequestBytes,
                        budget,
                        settings.worker().revokeGrace()),
                new DeliveryLoop.DeliveryCluster(
                        cluster.kafka(),
                        cluster.topics(),
                        cluster.tenants(),
                        new ReplyRouting(settings.replies().headers().orElse(List.of()), cluster.replies(), events)),
                new DeliveryLoop.Requests(
                        requests,
                        work,
                        metrics,
                        delivery -> delivery.model()
                                .filter(name -> adapters.awaitsFiles(
                                        name, delivery.request().id(), delivery.user()))
                                .isPresent()),
                control,
                status,
                new DeliveryLoop.Threads(transactionThread, probeThread),
                time);
        metrics.bind(status, events, cancellations);
        metrics.bindReplyTopics(settings.replies().topics().orElse(List.of()));
        metrics.bind(budget, status);
        metrics.bind(status);
        metrics.bind(backend.engine(), group);
        metrics.bind(work, requests, cluster.topics().requestTopics(), group);
        metrics.bind(status.requestTopics(), cluster.topics().requestTopics(), group);
        metrics.bind(backend.formats());
        metrics.bind(backend.boundaries());
        boundaries = () -> {
            metrics.removeUnknown();
            metrics.boundaries(adapters.names(), admission::currentBoundary);
        };
        backend.engine().failure().thenRun(this::crash);
        thread = new Thread(() -> run(loop), "tidemark-requests");
        thread.start();
        LOG.infof(
                "worker '%s' reads requests from %s",
                cluster.worker(), cluster.topics().requestTopics());
    }

    /**
     * An admission or a compilation may wait; the steps of the engine must not. The process ends without a wait for the
     * opening of the compiler: with this priority, it takes long on a busy machine.
     */
    private static ThreadFactory lowPriority(LanguageModel model, String prefix) {
        AtomicInteger number = new AtomicInteger();
        return work -> {
            Thread thread = new Thread(
                    () -> {
                        model.lowerThreadPriority();
                        work.run();
                    },
                    prefix + number.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        };
    }

    private static ExecutorService executor(String name) {
        return Executors.newSingleThreadExecutor(work -> new Thread(work, name));
    }

    private void run(DeliveryLoop loop) {
        try {
            loop.run();
        } catch (Error e) {
            LOG.error("the thread that reads requests has failed", e);
            fail(e);
        }
    }

    /**
     * Abandons requests without an answer, on any thread. Whoever started the service ends the process.
     */
    private void fail(Throwable reason) {
        crash();
        error.complete(reason);
    }

    /** Ends the loop without a release of the partitions: the next owners count a death. */
    @Override
    public void crash() {
        requests.abandonAll();
        control.crash();
    }

    /** Checks the time limits of steps and admissions, and sets the metrics of boundaries; called once a second. */
    void tick() {
        requests.watchdog().tick();
        boundaries.run();
    }

    /** Completes with an error after which the process must end. */
    CompletionStage<Throwable> error() {
        return error.minimalCompletionStage();
    }

    /** Starts no more requests. Open requests continue for the grace period. */
    @Override
    public void stop() {
        control.stop();
    }

    @Override
    public Optional<String> failure() {
        if (!thread.isAlive()) {
            return Optional.of("the thread that reads requests has ended");
        }
        return cancellations.isAlive()
                ? requests.watchdog().hang()
                : Optional.of("the thread that reads cancellations has ended");
    }

    @Override
    public Optional<String> disruption() {
        return status.disruption()
                .or(() -> status.sinceLastTurn().compareTo(STUCK) > 0
                        ? Optional.of("the thread that reads requests has waited for the broker for "
                                + status.sinceLastTurn().toSeconds() + " s")
                        : Optional.empty())
                .or(() -> cancellations.disruption().map(reason -> "cancellations may be missing: " + reason));
    }

    /** Finishes open requests within the grace period, and abandons the rest for redelivery. */
    @Override
    public void close() {
        control.stop();
        try {
            thread.join(grace.plus(DeliveryLoop.END).toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (control.isCutOff()) {
            LOG.warnf(
                    "worker stopped while no Kafka broker answers; open requests: %d%s",
                    status.abandonedRequests(),
                    status.abandonedRequests() == 0
                            ? ""
                            : ", which another worker answers, or this one after its next start");
        } else {
            LOG.infof("worker stopped: %d open requests abandoned for redelivery", status.abandonedRequests());
        }
        cancellations.close();
        admissionThreads.shutdownNow();
        // an interrupt would look like a failure of the opening
        formatThreads.shutdown();
        deadlines.close();
        transactionThread.shutdownNow();
        probeThread.shutdownNow();
        awaitAdmission();
    }

    /** An admission uses the model, which is closed next. The compiler of formats does not use it. */
    private void awaitAdmission() {
        try {
            if (!admissionThreads.awaitTermination(ADMISSION_END.toSeconds(), TimeUnit.SECONDS)) {
                LOG.error("the admission of a request does not end");
                halt.run();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
