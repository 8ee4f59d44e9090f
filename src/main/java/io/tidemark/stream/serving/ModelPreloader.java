package io.tidemark.stream.serving;

import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.tidemark.stream.settings.TidemarkSettings.EngineSettings;
import io.tidemark.stream.settings.TidemarkSettings.ModelSettings;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jboss.logging.Logger;

/**
 * Loads the base model on the thread {@code tidemark-model} while Quarkus and an embedded broker start.
 *
 * <p>The preloader reads the settings of the model before Quarkus validates them. The application uses the preloaded
 * model only if the validated settings choose the same one. {@link #take} reports a failed load.
 *
 * <p>Quarkus creates the beans of the application on the thread that runs it. {@link #call} binds the preloader to that
 * thread.
 */
public final class ModelPreloader implements AutoCloseable {

    /** How long a thread that loads a model may take to its next tensor, where it notices an interrupt. */
    static final Duration INTERRUPT_TIMEOUT = Duration.ofMinutes(1);

    private static final Logger LOG = Logger.getLogger(ModelPreloader.class);
    private static final long INTERRUPT_INTERVAL_MS = 100;
    private static final int ABOVE_SYSTEM_PROPERTIES = 500;
    private static final ThreadLocal<ModelPreloader> OF_THIS_THREAD =
            ThreadLocal.withInitial(() -> new ModelPreloader(Optional.empty()));

    private final Optional<ModelChoice> choice;
    private final FutureTask<LoadedModel> loading;
    private final Thread thread;
    private final AtomicBoolean taken = new AtomicBoolean();

    private ModelPreloader(Optional<ModelChoice> choice) {
        this.choice = choice;
        this.loading = new FutureTask<>(() -> LoadedModel.load(choice.orElseThrow()));
        this.thread = new Thread(loading, "tidemark-model");
    }

    /**
     * Starts to load the model that the given settings, system properties and environment variables choose. Loads
     * nothing if these settings are missing or malformed; the application reports that.
     *
     * @param settings take precedence over system properties and environment variables
     */
    public static ModelPreloader start(Map<String, String> settings) {
        ModelPreloader preloader = new ModelPreloader(choice(settings));
        if (preloader.choice.isPresent()) {
            preloader.thread.start();
        }
        return preloader;
    }

    /** Runs work on this thread. An application that the work starts uses this preloader. */
    public <T> T call(Callable<T> work) throws Exception {
        OF_THIS_THREAD.set(this);
        try {
            return work.call();
        } finally {
            OF_THIS_THREAD.remove();
        }
    }

    /** The preloader of the {@link #call} that this thread is in, otherwise one that loads nothing. */
    static ModelPreloader ofThisThread() {
        return OF_THIS_THREAD.get();
    }

    /**
     * Waits for the preloaded model and passes its ownership to the caller. Loads another model on this thread if the
     * preloader has chosen another one or its model is taken already.
     *
     * @throws RuntimeException as {@link LoadedModel#load}
     */
    LoadedModel take(ModelChoice wanted) {
        if (!choice.equals(Optional.of(wanted)) || taken.getAndSet(true)) {
            return LoadedModel.load(wanted);
        }
        return loaded();
    }

    /** Waits for the model. Forwards an interrupt of this thread to the loading thread. */
    private LoadedModel loaded() {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return loading.get();
                } catch (InterruptedException e) {
                    interrupted = true;
                    thread.interrupt();
                }
            }
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw (RuntimeException) e.getCause();
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Closes a model that was not taken. Interrupts a load and waits until it has ended. */
    @Override
    public void close() {
        if (choice.isEmpty() || taken.getAndSet(true)) {
            return;
        }
        try {
            interruptUntilEnded(thread, INTERRUPT_TIMEOUT);
            loaded().close();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            LOG.debug("the preloaded model was not used, and loading it has failed", e);
        }
    }

    /**
     * Interrupts a thread until it has ended or the timeout is over. One interrupt is not sufficient for a thread that
     * loads a model, because code on the way, such as the start of libtorch, may swallow it.
     *
     * @throws InterruptedException when the calling thread is interrupted
     */
    static void interruptUntilEnded(Thread thread, Duration timeout) throws InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (thread.isAlive() && System.nanoTime() - deadline < 0) {
            thread.interrupt();
            thread.join(INTERRUPT_INTERVAL_MS);
        }
    }

    /** What the settings choose; empty if a setting is missing or malformed. */
    static Optional<ModelChoice> choice(Map<String, String> settings) {
        try {
            SmallRyeConfig config = new SmallRyeConfigBuilder()
                    .addDefaultSources()
                    .addDefaultInterceptors()
                    .addDiscoveredConverters()
                    .withSources(new PropertiesConfigSource(settings, "options", ABOVE_SYSTEM_PROPERTIES))
                    .withMapping(ModelSettings.class, "tidemark.model")
                    .withMapping(EngineSettings.class, "tidemark.engine")
                    .build();
            return Optional.of(ModelChoice.of(
                    config.getConfigMapping(ModelSettings.class, "tidemark.model"),
                    config.getConfigMapping(EngineSettings.class, "tidemark.engine")));
        } catch (RuntimeException e) {
            LOG.debug("no model is preloaded, because of these settings", e);
            return Optional.empty();
        }
    }
}
