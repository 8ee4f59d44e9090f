package io.tidemark.stream.serving;

import io.micrometer.core.instrument.MeterRegistry;
import io.tidemark.calibration.CalibrationPolicy;
import io.tidemark.calibration.Objective;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.stream.calibrator.BetweenStepsPace;
import io.tidemark.stream.calibrator.CalibratorOptions;
import io.tidemark.stream.calibrator.CalibratorPart;
import io.tidemark.stream.calibrator.CalibratorTopics;
import io.tidemark.stream.calibrator.OwnThreadPace;
import io.tidemark.stream.calibrator.SweepPace;
import io.tidemark.stream.clients.KafkaSettings;
import io.tidemark.stream.metrics.AdapterMetrics;
import io.tidemark.stream.metrics.CalibrationMetrics;
import io.tidemark.stream.metrics.WorkerMetrics;
import io.tidemark.stream.settings.CalibratorSettings;
import io.tidemark.stream.settings.SettingsCheck;
import io.tidemark.stream.settings.TidemarkSettings;
import io.tidemark.stream.tables.BoundaryTable;
import io.tidemark.stream.tables.TableFollower;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.topics.TopicSetup;
import io.tidemark.stream.worker.WorkerPart;
import jakarta.enterprise.inject.Instance;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import org.apache.kafka.clients.admin.Admin;
import org.jboss.logging.Logger;

/** What is open, in the order of opening; closed in the reverse one, also after a start that failed half way. */
final class ServingParts implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(ServingParts.class);

    private final Deque<AutoCloseable> open = new ArrayDeque<>();
    private volatile Optional<WorkerPart> worker = Optional.empty();
    private volatile Optional<TableFollower> boundaries = Optional.empty();
    private volatile Optional<GenerationEngine> engine = Optional.empty();
    private volatile Optional<CalibratorPart> calibrator = Optional.empty();
    private volatile boolean stopping;

    /** @param onDeath is told when the engine has died, which only another process can mend */
    synchronized void open(
            TidemarkSettings settings,
            HeadStart headStart,
            KafkaSettings kafka,
            Instance<RequestChannel> channel,
            MeterRegistry registry,
            Runnable onDeath) {
        SettingsCheck.require(settings);
        TopicLayout topics = TopicLayout.of(settings.topics());
        try (Admin admin = Admin.create(kafka.connection())) {
            TopicSetup.ensure(admin, topics);
        }
        String name = settings.workerId().orElseGet(ProcessName::unique);
        LoadedModel loaded = opened(LoadedModel.load(settings, headStart));
        AdapterMetrics.watch(registry, loaded.adapters());
        BoundaryTable table = new BoundaryTable();
        boundaries = Optional.of(opened(TableFollower.start(
                kafka.connection(),
                topics.boundaries().name(),
                settings.tables().loadTimeout(),
                table::apply)));
        if (settings.role().generates() && !stopping) {
            EngineSizes sizes = EngineSizes.of(
                    settings.engine(), loaded.model().decoder(), loaded.torch().freeGpuBytes());
            LOG.infof(
                    "engine: %d instances of %d threads, %d slots",
                    sizes.layout().instances(),
                    sizes.layout().threads(),
                    sizes.limits().maxNumSeqs());
            GenerationEngine started = opened(GenerationEngine.start(loaded.model(), sizes.limits(), sizes.layout()));
            engine = Optional.of(started);
            started.death().thenRun(onDeath);
            worker = Optional.of(opened(WorkerPart.start(
                    settings,
                    name,
                    kafka,
                    topics,
                    loaded.model(),
                    loaded.adapters(),
                    started,
                    sizes.limits().maxNumSeqs() + settings.engine().maxQueuedRequests(),
                    table,
                    new WorkerMetrics(registry),
                    channel.get().requests())));
        }
        if (settings.role().calibrates() && !stopping) {
            SweepPace pace = engine.<SweepPace>map(BetweenStepsPace::new).orElseGet(OwnThreadPace::new);
            calibrator = Optional.of(opened(CalibratorPart.start(
                    calibrator(
                            settings.calibrator(),
                            name,
                            engine.isPresent() ? 1 : loaded.torch().threads()),
                    kafka,
                    CalibratorTopics.of(topics),
                    loaded.model(),
                    loaded.adapters(),
                    pace,
                    new CalibrationMetrics(registry))));
        }
    }

    /** What only a restart can mend. */
    Optional<String> broken() {
        return worker.flatMap(WorkerPart::broken)
                .or(() -> engine.filter(started -> !started.isAlive()).map(dead -> "an engine instance has died"))
                .or(() -> boundaries.filter(followed -> !followed.isAlive()).map(dead -> "the table's thread has died"))
                .or(() -> calibrator
                        .filter(started -> !started.isAlive())
                        .map(dead -> "the calibrator's thread has died"));
    }

    /** What may pass by itself. */
    Optional<String> trouble() {
        return boundaries
                .flatMap(TableFollower::trouble)
                .map(why -> "boundaries are not followed: " + why)
                .or(() -> calibrator.flatMap(CalibratorPart::trouble).map(why -> "batches wait: " + why));
    }

    /** Starts no worker and no calibrator any more: one that joined its group now would leave it at once. */
    void stop() {
        stopping = true;
        worker.ifPresent(WorkerPart::takeNoMore);
    }

    @Override
    public synchronized void close() {
        stop();
        // a sweep would only slow down what the worker still has to finish
        calibrator.ifPresent(ServingParts::closeQuietly);
        worker.ifPresent(started -> closeQuietly(started::drain));
        while (!open.isEmpty()) {
            closeQuietly(open.pop());
        }
    }

    /** What fails to close must not keep the rest open. */
    private static void closeQuietly(AutoCloseable part) {
        try {
            part.close();
        } catch (Exception e) {
            LOG.warnf("closing %s failed: %s", part.getClass().getSimpleName(), e.getMessage());
        }
    }

    private <T extends AutoCloseable> T opened(T part) {
        open.push(part);
        return part;
    }

    private static CalibratorOptions calibrator(CalibratorSettings settings, String name, int threads) {
        String objective =
                settings.objective().equals("tolerance") ? "tolerance:" + settings.tolerance() : settings.objective();
        return new CalibratorOptions(
                settings.group(),
                settings.group() + "-" + name,
                new CalibrationPolicy(Objective.parse(objective), settings.minSamples()),
                new SweepLimits(settings.tokensPerSlice(), threads));
    }
}
