package io.tidemark.stream.serving;

import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.common.annotation.Identifier;
import io.tidemark.stream.clients.KafkaSettings;
import io.tidemark.stream.settings.TidemarkSettings;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Instance;
import jakarta.inject.Inject;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jboss.logging.Logger;

/**
 * Opens the parts on the thread {@code tidemark-start}, so that probes are answered meanwhile, and closes them when
 * Quarkus stops. A start that fails and an engine that dies end the process with exit code 1; a start that is under way when
 * the process is told to end is given up.
 */
@ApplicationScoped
public class Serving {

    private static final Logger LOG = Logger.getLogger(Serving.class);

    private final TidemarkSettings settings;
    private final KafkaSettings kafka;
    private final Instance<RequestChannel> channel;
    private final MeterRegistry registry;
    private final ServingParts parts = new ServingParts();
    private final AtomicReference<Phase> phase = new AtomicReference<>(Phase.LOADING);
    private volatile Optional<Thread> starter = Optional.empty();

    @Inject
    Serving(
            TidemarkSettings settings,
            @Identifier("default-kafka-broker") Map<String, Object> kafka,
            Instance<RequestChannel> channel,
            MeterRegistry registry) {
        this.settings = settings;
        this.kafka = new KafkaSettings(kafka);
        this.channel = channel;
        this.registry = registry;
    }

    public Phase phase() {
        return phase.get();
    }

    /** What only a restart can mend, for liveness. */
    public Optional<String> broken() {
        return phase() == Phase.READY ? parts.broken() : Optional.empty();
    }

    /** Why a process that was ready is not for now, for readiness. */
    public Optional<String> trouble() {
        return broken().or(parts::trouble);
    }

    void start(@Observes StartupEvent event) {
        HeadStart headStart = HeadStart.ofThisThread();
        Thread thread = new Thread(() -> open(headStart), "tidemark-start");
        thread.start();
        starter = Optional.of(thread);
    }

    void stop(@Observes ShutdownEvent event) {
        phase.updateAndGet(before -> before == Phase.FAILED ? before : Phase.STOPPING);
        parts.stop();
        try {
            // what waits for the cluster ends at once, and a load at its next tensor: a native call can't be left half
            // way
            if (starter.isPresent()) {
                RepeatedInterrupts.end(starter.get(), RepeatedInterrupts.PATIENCE);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        parts.close();
    }

    private void open(HeadStart headStart) {
        try {
            parts.open(settings, headStart, kafka, channel, registry, this::engineDied);
            if (phase.compareAndSet(Phase.LOADING, Phase.READY)) {
                LOG.infof("ready as %s", settings.role());
            }
        } catch (RuntimeException | LinkageError e) {
            if (phase() == Phase.STOPPING) {
                LOG.infof("the start was given up, as the process was told to end: %s", e.getMessage());
                return;
            }
            phase.set(Phase.FAILED);
            LOG.errorf("the start has failed: %s", e.getMessage());
            LOG.debug("the start has failed", e);
            Quarkus.asyncExit(1);
        }
    }

    /** Ends the process, so that whoever gets its partitions answers what was open here. */
    private void engineDied() {
        phase.updateAndGet(before -> before == Phase.STOPPING ? before : Phase.FAILED);
        LOG.error("the engine has died of an error; the process ends, and hands back what was open");
        Quarkus.asyncExit(1);
    }
}
