package io.tidemark.stream.serving;

import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.common.annotation.Identifier;
import io.tidemark.stream.delivery.DeliveryLoop;
import io.tidemark.stream.settings.SettingsValidator;
import io.tidemark.stream.settings.TidemarkSettings;
import io.tidemark.stream.topics.KafkaConnection;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.CommonClientConfigs;
import org.eclipse.microprofile.reactive.messaging.Channel;
import org.eclipse.microprofile.reactive.messaging.Emitter;
import org.eclipse.microprofile.reactive.messaging.OnOverflow;
import org.jboss.logging.Logger;

/**
 * The life cycle of a serving process: opens the services of its role when Quarkus has started, and closes them when
 * Quarkus shuts down. {@link ServingPhase} has the phases, and {@link Assembly} the services.
 *
 * <p>The start runs on the thread {@code tidemark-start}, so that health checks respond while the model loads. A failed
 * start and a failed service end the process with exit code 1. A shutdown during the start interrupts it.
 */
@ApplicationScoped
public class ServingLifecycle {

    private static final Logger LOG = Logger.getLogger(ServingLifecycle.class);
    /** How many events may wait for the broker: some seconds of a full worker. */
    private static final int EVENT_BUFFER = 16_384;
    /** A process with a failed service is halted if it has not ended by then: a thread may hang or hold a lock. */
    private static final Duration HALT_AFTER = Duration.ofSeconds(30);

    /** The exit code of a JVM that SIGTERM ends. */
    private static final int TERMINATED = 128 + 15;

    private final TidemarkSettings settings;
    private final KafkaConnection kafka;
    private final Emitter<byte[]> events;
    private final MeterRegistry registry;
    private final AtomicReference<ServingPhase> phase = new AtomicReference<>(ServingPhase.LOADING);
    private volatile Optional<Thread> startThread = Optional.empty();
    private volatile Optional<Assembly> assembly = Optional.empty();
    private volatile Optional<String> startFailure = Optional.empty();
    private volatile boolean closed;

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

    public ServingPhase phase() {
        return phase.get();
    }

    /** Why the start has failed; empty if it has not failed. */
    public Optional<String> startFailure() {
        return startFailure;
    }

    /** A failure that only a restart resolves. Reported by liveness. */
    public Optional<String> failure() {
        return phase() == ServingPhase.READY ? assembly.flatMap(Assembly::failure) : Optional.empty();
    }

    /** A {@link #failure}, or a disruption that may resolve itself. Reported by readiness. */
    public Optional<String> disruption() {
        return failure().or(() -> assembly.flatMap(Assembly::disruption));
    }

    void onStart(@Observes StartupEvent event) {
        ModelPreloader preloader = ModelPreloader.ofThisThread();
        Thread thread = new Thread(() -> start(preloader), "tidemark-start");
        thread.start();
        startThread = Optional.of(thread);
    }

    void onShutdown(@Observes ShutdownEvent event) {
        phase.updateAndGet(ServingPhase::stopping);
        assembly.ifPresent(Assembly::stop);
        haltAfter(settings.worker().shutdownGrace().plus(DeliveryLoop.END).plus(HALT_AFTER));
        try {
            if (startThread.isPresent()) {
                ModelPreloader.interruptUntilEnded(startThread.get(), ModelPreloader.INTERRUPT_TIMEOUT);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        assembly.ifPresent(Assembly::close);
        closed = true;
    }

    private void start(ModelPreloader preloader) {
        try {
            SettingsValidator.require(settings);
            if (!kafka.notInherited().isEmpty()) {
                LOG.warnf("not passed to the Kafka clients: %s", kafka.notInherited());
            }
            Assembly opening =
                    new Assembly(settings, kafka, events::send, registry, preloader, this::serviceFailed, this::halt);
            assembly = Optional.of(opening);
            if (phase().isOver()) {
                return;
            }
            opening.open();
            if (phase.updateAndGet(ServingPhase::ready) == ServingPhase.READY) {
                LOG.infof("ready as %s", settings.role());
            }
        } catch (RuntimeException | LinkageError e) {
            if (phase.updateAndGet(ServingPhase::failed) == ServingPhase.STOPPING) {
                LOG.infof("the start was interrupted by the shutdown: %s", e.getMessage());
                return;
            }
            String failed = Optional.ofNullable(e.getMessage()).orElse(e.toString());
            // a call that has timed out does not name the address
            String reason = assembly.flatMap(Assembly::outage)
                    .map(outage -> failed + ": " + outage)
                    .orElse(failed);
            LOG.errorf("the start has failed: %s", reason);
            LOG.debug("the start has failed", e);
            startFailure = Optional.of(reason);
            Quarkus.asyncExit(1);
        }
    }

    /** Ends the process. Its open requests are not committed, so another worker receives them. */
    private void serviceFailed() {
        haltAfter(HALT_AFTER);
        phase.updateAndGet(ServingPhase::failed);
        assembly.ifPresent(Assembly::crash);
        LOG.error("a service has failed; the process ends and abandons its open requests for redelivery");
        Quarkus.asyncExit(1);
    }

    /**
     * Halts the process unless the services are closed by then. The application may end before its JVM: tests start
     * several in one. Runs on a daemon thread, so it does not delay a shutdown that succeeds.
     */
    private void haltAfter(Duration delay) {
        CompletableFuture.delayedExecutor(delay.toSeconds(), TimeUnit.SECONDS).execute(() -> {
            if (!closed) {
                halt();
            }
        });
    }

    /** Ends a process whose shutdown hangs. Shutdown hooks would wait for the thread that hangs. */
    private void halt() {
        LOG.error("the process did not end in time and is halted");
        Runtime.getRuntime().halt(phase() == ServingPhase.STOPPING ? TERMINATED : 1);
    }
}
