package io.tidemark.stream.serving;

import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.common.annotation.Identifier;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.calibration.CalibrationPolicy;
import io.tidemark.calibration.Objective;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.stream.calibrator.BatchScorer;
import io.tidemark.stream.calibrator.CalibratorOptions;
import io.tidemark.stream.calibrator.CalibratorService;
import io.tidemark.stream.calibrator.EngineSweepExecutor;
import io.tidemark.stream.calibrator.SweepExecutor;
import io.tidemark.stream.metrics.AdapterMetrics;
import io.tidemark.stream.metrics.CalibrationMetrics;
import io.tidemark.stream.metrics.TableMetrics;
import io.tidemark.stream.metrics.WorkerMetrics;
import io.tidemark.stream.settings.AdapterFolders;
import io.tidemark.stream.settings.SettingsValidator;
import io.tidemark.stream.settings.TidemarkSettings;
import io.tidemark.stream.settings.TidemarkSettings.CalibratorSettings;
import io.tidemark.stream.tables.BoundaryTable;
import io.tidemark.stream.tables.TopicFollower;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.ReplyTopics;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.topics.TopicSetup;
import io.tidemark.stream.worker.WorkerService;
import io.tidemark.time.Time;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.admin.Admin;
import org.eclipse.microprofile.reactive.messaging.Channel;
import org.eclipse.microprofile.reactive.messaging.Emitter;
import org.eclipse.microprofile.reactive.messaging.OnOverflow;
import org.jboss.logging.Logger;

/**
 * The life cycle of a serving process: creates topics, loads the model, reads the boundary table, and starts the
 * services of the role; closes all of it in reverse order when Quarkus shuts down.
 *
 * <p>The start runs on the thread {@code tidemark-start}, so that health checks respond while the model loads. A failed
 * start and a failed engine end the process with exit code 1. A shutdown during the start interrupts it.
 */
@ApplicationScoped
public class ServingLifecycle {

    /** The phases of a serving process. */
    public enum Phase {
        LOADING,
        READY,
        STOPPING,
        FAILED
    }

    private static final Logger LOG = Logger.getLogger(ServingLifecycle.class);
    private static final int RANDOM_NAME_CHARACTERS = 6;
    /** Events that may wait for the broker: some seconds of a full worker. */
    private static final int EVENT_BUFFER = 16_384;
    /** Time that a process with a failed engine has to end. A thread may have left a lock held. */
    private static final Duration EXIT_TIMEOUT = Duration.ofSeconds(30);

    private final TidemarkSettings settings;
    private final KafkaConnection kafka;
    private final Emitter<byte[]> events;
    private final MeterRegistry registry;
    private final AtomicReference<Phase> phase = new AtomicReference<>(Phase.LOADING);
    private volatile Optional<Thread> startThread = Optional.empty();
    private volatile boolean stopping;

    /** Open resources, most recently opened first. Guarded by this object. */
    private final Deque<AutoCloseable> resources = new ArrayDeque<>();

    private volatile Optional<TopicFollower> boundaries = Optional.empty();
    private volatile Optional<GenerationEngine> engine = Optional.empty();
    private volatile Optional<WorkerService> worker = Optional.empty();
    private volatile Optional<CalibratorService> calibrator = Optional.empty();

    @Inject
    ServingLifecycle(
            TidemarkSettings settings,
            @Identifier("default-kafka-broker") Map<String, Object> kafka,
            @Channel("generation-events") @OnOverflow(value = OnOverflow.Strategy.BUFFER, bufferSize = EVENT_BUFFER)
                    Emitter<byte[]> events,
            MeterRegistry registry) {
        this.settings = settings;
        Map<String, Object> given = new HashMap<>(kafka);
        // Quarkus adds the name of the application
        given.remove(CommonClientConfigs.GROUP_ID_CONFIG);
        this.kafka = new KafkaConnection(given);
        this.events = events;
        this.registry = registry;
    }

    public Phase phase() {
        return phase.get();
    }

    /** A failure that only a restart resolves. Reported by liveness. */
    public Optional<String> failure() {
        if (phase() != Phase.READY) {
            return Optional.empty();
        }
        return worker.flatMap(WorkerService::failure)
                .or(() -> engine.filter(running -> !running.isAlive()).map(ended -> "an engine instance has ended"))
                .or(() -> boundaries
                        .filter(follower -> !follower.isAlive())
                        .map(ended -> "the thread that reads the boundary table has ended"))
                .or(() -> calibrator
                        .filter(running -> !running.isAlive())
                        .map(ended -> "the thread of the calibrator has ended"));
    }

    /** A {@link #failure}, or a disruption that may resolve itself. Reported by readiness. */
    public Optional<String> disruption() {
        return failure()
                .or(() -> worker.flatMap(WorkerService::disruption))
                .or(() -> boundaries
                        .flatMap(TopicFollower::disruption)
                        .map(reason -> "the boundary table may be out of date: " + reason))
                .or(() -> calibrator
                        .flatMap(CalibratorService::disruption)
                        .map(reason -> "validation batches can't be processed: " + reason));
    }

    void onStart(@Observes StartupEvent event) {
        ModelPreloader preloader = ModelPreloader.ofThisThread();
        Thread thread = new Thread(() -> start(preloader), "tidemark-start");
        thread.start();
        startThread = Optional.of(thread);
    }

    void onShutdown(@Observes ShutdownEvent event) {
        phase.updateAndGet(current -> current == Phase.FAILED ? current : Phase.STOPPING);
        stopping = true;
        worker.ifPresent(WorkerService::stopConsuming);
        try {
            if (startThread.isPresent()) {
                ModelPreloader.interruptUntilEnded(startThread.get(), ModelPreloader.INTERRUPT_TIMEOUT);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        close();
    }

    private void start(ModelPreloader preloader) {
        try {
            open(preloader);
            if (phase.compareAndSet(Phase.LOADING, Phase.READY)) {
                LOG.infof("ready as %s", settings.role());
            }
        } catch (RuntimeException | LinkageError e) {
            if (phase() == Phase.STOPPING) {
                LOG.infof("the start was interrupted by the shutdown: %s", e.getMessage());
                return;
            }
            phase.set(Phase.FAILED);
            LOG.errorf("the start has failed: %s", e.getMessage());
            LOG.debug("the start has failed", e);
            Quarkus.asyncExit(1);
        }
    }

    private synchronized void open(ModelPreloader preloader) {
        SettingsValidator.require(settings);
        if (!kafka.notInherited().isEmpty()) {
            LOG.warnf("not passed to the Kafka clients: %s", kafka.notInherited());
        }
        TopicLayout topics = TopicLayout.of(settings.topics());
        Optional<ReplyTopics> replies = Optional.empty();
        try (Admin admin = kafka.newAdmin()) {
            TopicSetup.ensure(admin, topics, settings.role(), settings.topics().create(), Time.system());
            if (settings.role().generates()) {
                replies = Optional.of(ReplyTopics.check(
                        admin, topics, settings.replies().topics().orElse(List.of()), Time.system()));
            }
        }
        SortedMap<String, Path> folders = AdapterFolders.of(settings);
        LoadedModel loaded = opened(loadModel(preloader, folders.keySet()));
        AdapterStore adapters = opened(registerAdapters(loaded, folders));
        BoundaryTable table = new BoundaryTable();
        TopicFollower.Limits limits = new TopicFollower.Limits(
                settings.tables().loadTimeout(), settings.tables().maxStaleness());
        TopicFollower follower = opened(TopicFollower.ofTable(
                KafkaThread.named(TopicFollower.threadName(topics.boundaries()), kafka),
                topics.boundaries(),
                limits,
                table::apply));
        follower.failure().thenRun(this::serviceFailed);
        boundaries = Optional.of(follower);
        TableMetrics.bind(registry, follower);
        String processName = settings.workerId().orElseGet(ServingLifecycle::uniqueProcessName);
        // a service that joins its consumer group during a shutdown causes two needless rebalances
        if (replies.isPresent() && !stopping) {
            startWorker(
                    new WorkerService.Cluster(processName, kafka, topics, replies.get(), events::send),
                    loaded,
                    adapters,
                    table);
        }
        if (settings.role().calibrates() && !stopping) {
            startCalibrator(processName, topics, loaded, adapters);
        }
    }

    private LoadedModel loadModel(ModelPreloader preloader, Set<String> adapterIds) {
        ModelChoice choice = ModelChoice.of(settings.model(), settings.engine());
        if (adapterIds.contains(choice.name())) {
            throw new IllegalArgumentException("adapter '" + choice.name() + "' has the name of the base model");
        }
        LOG.infof("loading model '%s' from %s", choice.name(), choice.folder());
        LoadedModel loaded = preloader.take(choice);
        LOG.infof(
                "loaded model '%s' (%d layers) from %s",
                choice.name(), loaded.model().config().numLayers(), choice.folder());
        return loaded;
    }

    private AdapterStore registerAdapters(LoadedModel loaded, SortedMap<String, Path> folders) {
        AdapterStore adapters = new AdapterStore(
                loaded.model(), settings.engine().adapterBytes().asLongValue());
        folders.forEach(adapters::register);
        AdapterMetrics.bind(registry, adapters);
        LOG.infof("registered %d adapters; each is loaded by the first request for it", folders.size());
        return adapters;
    }

    private void startWorker(
            WorkerService.Cluster cluster, LoadedModel loaded, AdapterStore adapters, BoundaryTable table) {
        EngineSizes sizes = EngineSizes.of(
                settings.engine(), loaded.model().decoder(), loaded.torch().freeGpuBytes());
        LOG.infof(
                "engine: %d instances of %d threads, up to %d sequences",
                sizes.layout().instances(),
                sizes.layout().threads(),
                sizes.limits().maxNumSeqs());
        GenerationEngine started = opened(GenerationEngine.start(loaded.model(), sizes.limits(), sizes.layout()));
        engine = Optional.of(started);
        started.failure().thenRun(this::engineFailed);
        WorkerService service = opened(WorkerService.start(
                settings,
                cluster,
                new WorkerService.Backend(
                        loaded.model(),
                        adapters,
                        table,
                        started,
                        sizes.limits().maxNumSeqs() + settings.engine().maxQueuedRequests()),
                new WorkerMetrics(registry)));
        service.loopFailure().thenRun(this::serviceFailed);
        worker = Optional.of(service);
    }

    private void startCalibrator(String processName, TopicLayout topics, LoadedModel loaded, AdapterStore adapters) {
        CalibratorSettings calibration = settings.calibrator();
        String objective = calibration.objective().equals("tolerance")
                ? "tolerance:" + calibration.tolerance()
                : calibration.objective();
        CalibratorOptions options = new CalibratorOptions(
                topics,
                calibration.group(),
                calibration.group() + "-" + processName,
                new CalibrationPolicy(Objective.parse(objective), calibration.minSamples()));
        SweepExecutor executor = engine.<SweepExecutor>map(running -> new EngineSweepExecutor(running, Time.system()))
                .orElseGet(SweepExecutor::onOwnThreads);
        SweepLimits limits = new SweepLimits(
                calibration.tokensPerSlice(),
                engine.isPresent() ? 1 : loaded.torch().threads());
        CalibratorService service = opened(CalibratorService.start(
                options,
                KafkaThread.named("tidemark-calibrator", kafka),
                new BatchScorer(loaded.model(), adapters, calibration.maxExamples(), limits, executor, Time.system()),
                new CalibrationMetrics(registry)));
        service.failure().thenRun(this::serviceFailed);
        calibrator = Optional.of(service);
    }

    private void engineFailed() {
        endProcess("the engine has failed");
    }

    private void serviceFailed() {
        endProcess("a service has failed");
    }

    /** Ends the process. Its open requests are not committed, so another worker receives them. */
    private void endProcess(String reason) {
        phase.updateAndGet(current -> current == Phase.STOPPING ? current : Phase.FAILED);
        LOG.errorf("%s; the process ends and abandons its open requests for redelivery", reason);
        CompletableFuture.delayedExecutor(EXIT_TIMEOUT.toSeconds(), TimeUnit.SECONDS)
                .execute(ServingLifecycle::halt);
        Quarkus.asyncExit(1);
    }

    /** Ends a process whose shutdown hangs. Runs on a daemon thread, so it does not delay a shutdown that succeeds. */
    private static void halt() {
        LOG.error("the process did not end in time and is halted");
        Runtime.getRuntime().halt(1);
    }

    private synchronized void close() {
        // first the calibrator, whose sweep would slow down the remaining requests
        calibrator.ifPresent(ServingLifecycle::closeQuietly);
        worker.ifPresent(running -> closeQuietly(running::drain));
        while (!resources.isEmpty()) {
            closeQuietly(resources.pop());
        }
    }

    /** Logs an exception, so that the remaining resources are closed. */
    private static void closeQuietly(AutoCloseable resource) {
        try {
            resource.close();
        } catch (Exception e) {
            LOG.warnf("closing %s failed: %s", resource.getClass().getSimpleName(), e.getMessage());
        }
    }

    private <T extends AutoCloseable> T opened(T resource) {
        resources.push(resource);
        return resource;
    }

    /**
     * A name for results and transactional ids. The random part is required: in containers, hosts can have the same
     * name and all processes the same id, and equal transactional ids fence each other.
     */
    static String uniqueProcessName() {
        return hostName() + "-" + ProcessHandle.current().pid() + "-"
                + UUID.randomUUID().toString().substring(0, RANDOM_NAME_CHARACTERS);
    }

    private static String hostName() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "tidemark";
        }
    }
}
