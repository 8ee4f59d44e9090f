package io.tidemark.stream.serving;

import io.micrometer.core.instrument.MeterRegistry;
import io.tidemark.adapter.AdapterLocation;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.AdapterSuggestions;
import io.tidemark.adapter.source.AdapterFolders;
import io.tidemark.adapter.source.AdapterSource;
import io.tidemark.adapter.source.HeldFolder;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.catalog.AdapterCatalog;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.grammar.GrammarCompiler;
import io.tidemark.grammar.GrammarLimits;
import io.tidemark.grammar.TokenBytes;
import io.tidemark.model.ModelConfig;
import io.tidemark.request.AnswerFormats;
import io.tidemark.request.Watchdog;
import io.tidemark.stream.calibrator.BatchScorer;
import io.tidemark.stream.calibrator.CalibratorOptions;
import io.tidemark.stream.calibrator.CalibratorService;
import io.tidemark.stream.calibrator.EngineSweepExecutor;
import io.tidemark.stream.calibrator.SweepExecutor;
import io.tidemark.stream.delivery.Tenants;
import io.tidemark.stream.metrics.AdapterMetrics;
import io.tidemark.stream.metrics.CalibrationMetrics;
import io.tidemark.stream.metrics.TableMetrics;
import io.tidemark.stream.metrics.WorkerMetrics;
import io.tidemark.stream.settings.RuleOfSettings;
import io.tidemark.stream.settings.SourcesOfSettings;
import io.tidemark.stream.settings.TidemarkSettings;
import io.tidemark.stream.settings.TidemarkSettings.CalibratorSettings;
import io.tidemark.stream.settings.TidemarkSettings.LimitSettings;
import io.tidemark.stream.settings.TidemarkSettings.Role;
import io.tidemark.stream.settings.TidemarkSettings.SourceSettings.Fetch;
import io.tidemark.stream.state.WorkerStateWriter;
import io.tidemark.stream.tables.AdapterTable;
import io.tidemark.stream.tables.BoundaryTable;
import io.tidemark.stream.tables.TopicFollower;
import io.tidemark.stream.topics.ClusterSettings;
import io.tidemark.stream.topics.ClusterWatch;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.ReplyTopics;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.topics.TopicSetup;
import io.tidemark.stream.topics.TransactionalId;
import io.tidemark.stream.topics.TurnLoop;
import io.tidemark.tenant.TenantWeights;
import io.tidemark.time.RunningTime;
import io.tidemark.time.Time;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.jboss.logging.Logger;

/**
 * The services of a serving process. A role is a list of services, which are opened in the order of the list and closed
 * in reverse order.
 *
 * <p>{@link #open} is called once, on the thread {@code tidemark-start}. The other methods may be called by any thread.
 */
final class Assembly implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(Assembly.class);
    private static final int RANDOM_NAME_CHARACTERS = 6;
    /** How long the writer of the state waits for a broker. */
    private static final int STATE_BLOCK_MS = 5_000;

    /** How long a step may take when the process ends. Its requests are abandoned already. */
    private static final Duration ENGINE_END = Duration.ofSeconds(10);

    private final TidemarkSettings settings;
    private final KafkaConnection kafka;
    private final Consumer<Message<byte[]>> events;
    private final MeterRegistry registry;
    private final ModelPreloader preloader;
    private final Runnable onFailure;
    private final Runnable halt;
    private final ScheduledExecutorService watchdog = Executors.newSingleThreadScheduledExecutor(Assembly::daemon);
    private final TopicLayout topics;
    private final String processName;

    /** The open services, most recently opened first. */
    private final Deque<Service> services = new ConcurrentLinkedDeque<>();

    private volatile boolean stopping;

    /** Empty until the start asks the cluster for the first time. */
    private volatile Optional<ClusterWatch> watch = Optional.empty();

    // set before the services that use them are opened
    private Optional<ReplyTopics> replies = Optional.empty();
    private SortedMap<String, Path> folders = new TreeMap<>();
    private Tenants tenants;
    private LoadedModel loaded;
    private AdapterStore store;
    private AdapterCatalog catalog;
    private AdapterTable adapterTable;
    private BoundaryTable table;
    private Optional<GenerationEngine> engine = Optional.empty();
    private AnswerFormats formats;
    private int maxNumSeqs;
    private Duration stepLimit = Duration.ZERO;

    /**
     * @param events    the channel of events; throws an exception if its buffer is full
     * @param onFailure called on any thread when a service has failed in such a way that the process must end
     * @param halt      ends the process at once: a thread hangs, so that its memory can't be freed
     */
    Assembly(
            TidemarkSettings settings,
            KafkaConnection kafka,
            Consumer<Message<byte[]>> events,
            MeterRegistry registry,
            ModelPreloader preloader,
            Runnable onFailure,
            Runnable halt) {
        this.settings = settings;
        this.kafka = kafka;
        this.events = events;
        this.registry = registry;
        this.preloader = preloader;
        this.onFailure = onFailure;
        this.halt = halt;
        this.topics = TopicLayout.of(settings.topics());
        this.processName = settings.workerId().orElseGet(Assembly::uniqueProcessName);
    }

    /** What a role consists of. */
    private List<Supplier<Service>> servicesOf(Role role) {
        return switch (role) {
            case WORKER ->
                List.of(
                        this::model,
                        this::adapters,
                        this::catalog,
                        this::boundaries,
                        this::engine,
                        this::formats,
                        this::worker,
                        this::state);
            case CALIBRATOR ->
                List.of(this::model, this::adapters, this::catalog, this::boundaries, this::calibrator, this::state);
            case ALL ->
                List.of(
                        this::model,
                        this::adapters,
                        this::catalog,
                        this::boundaries,
                        this::engine,
                        this::formats,
                        this::worker,
                        this::calibrator,
                        this::state);
        };
    }

    /**
     * Waits for the cluster, creates or checks the topics, then opens the services of the role one after the other.
     * Returns early after {@link #stop}.
     */
    synchronized void open() {
        folders = ServedFolders.require(settings);
        tenants = TenantShares.of(settings);
        ClusterWatch cluster = ClusterWatch.start(KafkaThread.named("tidemark-cluster", kafka));
        services.push(service(cluster, "the thread that watches the cluster has ended", Optional::empty));
        watch = Optional.of(cluster);
        cluster.awaitCluster();
        try (Admin admin = kafka.newAdmin()) {
            ClusterSettings.check(admin, settings.role().generates());
            TopicSetup.ensure(admin, topics, settings.role(), settings.topics().create(), Time.system());
            if (settings.role().generates()) {
                replies = Optional.of(ReplyTopics.check(
                        admin, topics, settings.replies().topics().orElse(List.of()), Time.system()));
            }
        }
        for (Supplier<Service> service : servicesOf(settings.role())) {
            // a service that joins its consumer group during a shutdown causes two needless rebalances
            if (!stopping) {
                services.push(service.get());
            }
        }
    }

    private Service model() {
        ModelChoice choice = ModelChoice.of(settings.model(), settings.engine());
        if (folders.containsKey(choice.name())) {
            throw new IllegalArgumentException("adapter '" + choice.name() + "' has the name of the base model");
        }
        LOG.infof("loading model '%s' from %s", choice.name(), choice.folder());
        loaded = preloader.take(choice);
        LOG.infof(
                "loaded model '%s' (%d layers, %s, kernels: %s) from %s",
                choice.name(),
                loaded.model().config().numLayers(),
                loaded.model().computeType().label(),
                loaded.model().kernels().label(),
                choice.folder());
        return loaded::close;
    }

    private Service adapters() {
        long budget = settings.engine().adapterBytes().asLongValue();
        long copies = loaded.model().decoder().isOnGpu() ? budget / 2 : 0;
        loaded.model().decoder().limitStack(copies);
        store = new AdapterStore(
                loaded.model(), budget - copies, weights(), settings.engine().adapterLoadLimit());
        everyTick(store::tick);
        folders.forEach(store::register);
        AdapterMetrics.bind(registry, store);
        LOG.infof("registered %d adapters; each is loaded by the first request for it", folders.size());
        return store::close;
    }

    private Service catalog() {
        AdapterFolders files = new AdapterFolders(SourcesOfSettings.of(settings.sources()));
        catalog = new AdapterCatalog(
                store,
                loaded.model().digest(),
                (source, digest) -> files(files, AdapterSource.parse(source), digest),
                settings.sources().fetch() == Fetch.ARRIVAL,
                settings.engine().adapterLoadLimit(),
                Time.system());
        everyTick(catalog::tick);
        AdapterMetrics.bind(registry, catalog);
        AdapterMetrics.bind(registry, files);
        adapterTable = new AdapterTable(catalog);
        Service follower;
        try {
            follower = follower(topics.adapters(), "the adapters", adapterTable::apply);
        } catch (RuntimeException e) {
            files.close();
            throw e;
        }
        catalog.begin();
        return new Service() {
            @Override
            public Optional<String> failure() {
                return follower.failure();
            }

            @Override
            public Optional<String> disruption() {
                return follower.disruption();
            }

            @Override
            public void close() {
                follower.close();
                files.close();
            }
        };
    }

    private static AdapterLocation files(AdapterFolders folders, AdapterSource source, String digest) {
        folders.requireAllowed(source);
        return () -> {
            CompletableFuture<AdapterLocation.Folder> folder = new CompletableFuture<>();
            CompletableFuture<HeldFolder> hold = folders.hold(source, digest);
            hold.whenComplete((held, failure) -> {
                if (failure != null) {
                    folder.completeExceptionally(failure);
                } else if (!folder.complete(new AdapterLocation.Folder(held.path(), held::close))) {
                    held.close();
                }
            });
            folder.whenComplete((held, failure) -> hold.cancel(false));
            return folder;
        };
    }

    private Service boundaries() {
        table = new BoundaryTable();
        return follower(topics.boundaries(), "the boundary table", table::apply);
    }

    /** Reads a table to its end, then follows it. */
    private Service follower(String topic, String what, Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        TopicFollower follower = TopicFollower.ofTable(
                KafkaThread.named(TopicFollower.threadName(topic), kafka),
                topic,
                new TopicFollower.Limits(
                        settings.tables().loadTimeout(), settings.tables().maxStaleness()),
                sink);
        TableMetrics.bind(registry, follower);
        return service(
                follower,
                "the thread that reads " + what + " has ended",
                () -> follower.disruption().map(reason -> what + " may be out of date: " + reason));
    }

    private Service service(TurnLoop loop, String ended, Supplier<Optional<String>> disruption) {
        loop.failure().thenRun(onFailure);
        return new Service() {
            @Override
            public Optional<String> failure() {
                return loop.isAlive() ? Optional.empty() : Optional.of(ended);
            }

            @Override
            public Optional<String> disruption() {
                return disruption.get();
            }

            @Override
            public void close() {
                loop.close();
            }
        };
    }

    private Service engine() {
        // once, because an engine that runs has taken its share of a GPU's memory
        EngineSizes sizes = EngineSizes.of(
                settings.engine(),
                settings.limits(),
                loaded.model().decoder(),
                loaded.torch().freeGpuBytes());
        maxNumSeqs = sizes.limits().maxNumSeqs();
        stepLimit = sizes.stepLimit(
                settings.engine(),
                settings.role().calibrates() ? settings.calibrator().tokensPerSlice() : 0);
        LOG.infof(
                "engine: %d threads, up to %d sequences; a step that takes longer than %d s ends the process",
                loaded.model().decoder().threads(), sizes.limits().maxNumSeqs(), stepLimit.toSeconds());
        GenerationEngine started = GenerationEngine.start(loaded.model(), sizes.limits());
        started.failure().thenRun(onFailure);
        engine = Optional.of(started);
        return new Service() {
            @Override
            public Optional<String> failure() {
                return started.isAlive() ? Optional.empty() : Optional.of("the engine has ended");
            }

            @Override
            public void close() {
                if (!started.close(ENGINE_END)) {
                    LOG.error("a step of the engine does not end");
                    halt.run();
                }
            }
        };
    }

    /** Calls a method once a second on the thread {@code tidemark-watchdog}, with a pause of a second between calls. */
    private void everyTick(Runnable tick) {
        watchdog.scheduleWithFixedDelay(
                () -> {
                    try {
                        tick.run();
                    } catch (RuntimeException e) {
                        LOG.error("a check of the time limits has failed", e);
                    }
                },
                RunningTime.TICK.toMillis(),
                RunningTime.TICK.toMillis(),
                TimeUnit.MILLISECONDS);
    }

    private static Thread daemon(Runnable work) {
        Thread thread = new Thread(work, "tidemark-watchdog");
        thread.setDaemon(true);
        return thread;
    }

    /** The compiler is opened by the first request with a format: a start neither waits for it nor fails with it. */
    private Service formats() {
        formats = AnswerFormats.of(this::openCompiler);
        return formats::close;
    }

    private GrammarCompiler openCompiler() {
        LimitSettings limits = settings.limits();
        ModelConfig config = loaded.model().config();
        return GrammarCompiler.open(
                TokenBytes.read(
                        ModelChoice.of(settings.model(), settings.engine()).folder(),
                        config.vocabularySize(),
                        config.endOfSequence()),
                new GrammarLimits(
                        limits.formatBytes().asLongValue(),
                        limits.formatCompileTime(),
                        limits.formatGrammarBytes().asLongValue(),
                        limits.formatMaskTime(),
                        limits.formatCacheBytes().asLongValue()),
                weights());
    }

    private Service worker() {
        WorkerService worker = new WorkerService(
                settings,
                new WorkerService.WorkerCluster(
                        processName, kafka, topics, tenants, replies.orElseThrow(), events, () -> outage().isPresent()),
                new WorkerService.Backend(
                        loaded.model(),
                        catalog,
                        suggestions(),
                        table,
                        formats,
                        engine.orElseThrow(),
                        maxNumSeqs + settings.engine().maxQueuedRequests(),
                        new Watchdog.TimeLimits(stepLimit, settings.limits().admissionTime())),
                new WorkerMetrics(registry, this::isModel, catalog::firstResult, Time.system()),
                halt);
        worker.error().thenRun(onFailure);
        everyTick(worker::tick);
        return worker;
    }

    private TenantWeights weights() {
        return tenants.weights(settings.worker().lowPriorityShare());
    }

    /** Tenants do not learn the adapters of each other, unless a setting permits it. */
    private AdapterSuggestions suggestions() {
        boolean named = settings.limits()
                .suggestAdapters()
                .orElseGet(() -> tenants.all().size() == 1);
        return named ? new AdapterSuggestions(catalog::names, "'tidemark adapters list'") : AdapterSuggestions.NONE;
    }

    private boolean isModel(String name) {
        return name.equals(loaded.model().name()) || catalog.isKnown(name);
    }

    private Service calibrator() {
        CalibratorSettings calibration = settings.calibrator();
        CalibratorOptions options = new CalibratorOptions(
                topics,
                TransactionalId.ofCalibrator(calibration.group(), processName),
                RuleOfSettings.of(calibration, loaded.model().config().numLayers()),
                RuleOfSettings.objective(calibration),
                calibration.mode(),
                calibration.decisionInterval());
        SweepExecutor executor = engine.<SweepExecutor>map(running -> new EngineSweepExecutor(running, Time.system()))
                .orElseGet(SweepExecutor::onOwnThreads);
        SweepLimits limits = new SweepLimits(
                calibration.tokensPerSlice(),
                engine.isPresent() ? 1 : loaded.torch().threads());
        CalibratorService calibrator = CalibratorService.start(
                options,
                KafkaThread.named("tidemark-calibrator", kafka),
                new BatchScorer(
                        loaded.model(),
                        catalog,
                        suggestions(),
                        calibration.maxExamples(),
                        limits,
                        executor,
                        Time.system()),
                new CalibrationMetrics(registry));
        return service(
                calibrator,
                "the thread of the calibrator has ended",
                () -> calibrator.disruption().map(reason -> "validation batches can't be processed: " + reason));
    }

    /** After the other services: their failures are in the state, and a process without it still answers requests. */
    private Service state() {
        ProcessState state = new ProcessState(
                processName,
                settings.role(),
                loaded.model(),
                catalog,
                adapterTable,
                table,
                engine,
                Instant.now().truncatedTo(ChronoUnit.SECONDS));
        WorkerStateWriter writer = WorkerStateWriter.start(
                KafkaThread.named("tidemark-worker-state", kafka),
                topics.workerState(),
                processName,
                kafka.newProducer(Map.of(ProducerConfig.MAX_BLOCK_MS_CONFIG, STATE_BLOCK_MS)),
                state::current,
                state::heartbeat);
        return service(writer, "the thread that writes the state of the process has ended", Optional::empty);
    }

    /** Stops the services, and opens no further ones. */
    void stop() {
        stopping = true;
        services.forEach(Service::stop);
    }

    /** A failure that only a restart resolves. */
    Optional<String> failure() {
        return services.stream().flatMap(service -> service.failure().stream()).findFirst();
    }

    /** Why the cluster does not answer; empty if it does. */
    Optional<String> outage() {
        return watch.flatMap(ClusterWatch::outage);
    }

    /** Disruptions that may resolve themselves. While the cluster does not answer, only that: the others follow. */
    Optional<String> disruption() {
        Optional<String> outage = outage();
        if (outage.isPresent()) {
            return outage;
        }
        List<String> reasons = services.stream()
                .flatMap(service -> service.disruption().stream())
                .toList();
        return reasons.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", reasons));
    }

    /** Abandons all work after the failure of a service. */
    void crash() {
        services.forEach(Service::crash);
    }

    /** Closes the services, most recently opened first: the sweep of a calibrator would slow down the open requests. */
    @Override
    public synchronized void close() {
        while (!services.isEmpty()) {
            try {
                // it stays in the list until it has ended, for the health checks
                services.element().close();
            } catch (RuntimeException e) {
                // the other services are closed as well
                LOG.warnf(e, "a service could not be closed: %s", e.getMessage());
            } finally {
                services.pop();
            }
        }
        watchdog.shutdownNow();
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
