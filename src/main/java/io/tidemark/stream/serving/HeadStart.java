package io.tidemark.stream.serving;

import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jboss.logging.Logger;

/**
 * The base model, loaded on the thread {@code tidemark-model} while a broker and Quarkus start, none of which needs the
 * other. It reads the settings that decide the load by itself, unchecked: the application checks them as it always does,
 * reports what is wrong with them, and takes the model only if the checked settings choose the same one. What fails here
 * is reported when the model is taken.
 *
 * <p>Quarkus makes the application's beans itself, on the thread that runs it. So what they are to find is bound to that
 * thread, by {@link #around}.
 */
public final class HeadStart implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(HeadStart.class);
    private static final ThreadLocal<HeadStart> OF_THIS_THREAD =
            ThreadLocal.withInitial(() -> new HeadStart(Optional.empty()));
    private static final int ABOVE_SYSTEM_PROPERTIES = 500;

    private final Optional<ModelChoice> choice;
    private final FutureTask<BaseModel> loading;
    private final Thread thread;
    private final AtomicBoolean taken = new AtomicBoolean();

    private HeadStart(Optional<ModelChoice> choice) {
        this.choice = choice;
        this.loading = new FutureTask<>(() -> BaseModel.load(choice.orElseThrow()));
        this.thread = new Thread(loading, "tidemark-model");
    }

    /**
     * Begins to load what system properties and environment variables choose; nothing where they choose nothing.
     *
     * @param settings win over both
     */
    public static HeadStart begin(Map<String, String> settings) {
        HeadStart begun = new HeadStart(choice(settings));
        if (begun.choice.isPresent()) {
            begun.thread.start();
        }
        return begun;
    }

    /** Does work, such as running Quarkus, on this thread; the application that it starts here finds this head start. */
    public <T> T around(Callable<T> work) throws Exception {
        OF_THIS_THREAD.set(this);
        try {
            return work.call();
        } finally {
            OF_THIS_THREAD.remove();
        }
    }

    /** The one that this thread is within, or one that has begun nothing. */
    static HeadStart ofThisThread() {
        return OF_THIS_THREAD.get();
    }

    /**
     * The model, when it is loaded, for the caller to close. Where another one was begun it is loaded now.
     *
     * @throws RuntimeException as of {@link BaseModel#load}; also that it was stopped, where this thread is interrupted
     */
    BaseModel take(ModelChoice wanted) {
        if (!choice.equals(Optional.of(wanted)) || taken.getAndSet(true)) {
            return BaseModel.load(wanted);
        }
        return loaded();
    }

    /** Passes an interrupt of the thread that waits on to the one that loads. */
    private BaseModel loaded() {
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

    /** Frees a model that nobody took. A load ends at its next tensor, and is waited for. */
    @Override
    public void close() {
        if (choice.isEmpty() || taken.getAndSet(true)) {
            return;
        }
        try {
            RepeatedInterrupts.end(thread, RepeatedInterrupts.PATIENCE);
            loaded().close();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            LOG.debug("a model that nobody waits for was not loaded", e);
        }
    }

    private static Optional<ModelChoice> choice(Map<String, String> settings) {
        try {
            return ModelChoice.in(new SmallRyeConfigBuilder()
                    .addDefaultSources()
                    .addDefaultInterceptors()
                    .withSources(new PropertiesConfigSource(settings, "options", ABOVE_SYSTEM_PROPERTIES))
                    .build());
        } catch (RuntimeException e) {
            LOG.debug("settings that the start will report", e);
            return Optional.empty();
        }
    }
}
