package io.tidemark.stream.topics;

import io.tidemark.time.Time;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jboss.logging.Logger;

/**
 * A service that repeats a turn on one thread until it is closed. An {@link Error} ends it and completes {@link
 * #failure}: the owner ends the process. The public methods may be called from any thread, except for {@link #run}.
 */
public abstract class TurnLoop implements Runnable, AutoCloseable {

    private static final Logger LOG = Logger.getLogger(TurnLoop.class);
    private static final Duration CLOSE_POLL = Duration.ofMillis(10);

    private final String name;
    private final Duration closeTimeout;
    private final Time time;
    private final CompletableFuture<Throwable> failure = new CompletableFuture<>();
    private volatile boolean running = true;
    private volatile boolean ended;

    /**
     * @param name         what the service does, for the log
     * @param closeTimeout how long {@link #close} waits for the end of a turn
     */
    protected TurnLoop(String name, Duration closeTimeout, Time time) {
        this.name = name;
        this.closeTimeout = closeTimeout;
        this.time = time;
    }

    /** Does what there is to do; waits for a short time if there is nothing. */
    protected abstract void turn();

    /** Frees what the turns use. Runs after the last turn, also after an {@link Error}. */
    protected abstract void end();

    /** Repeats turns until the service is stopped or an {@link Error} occurs. */
    @Override
    public final void run() {
        try {
            while (running) {
                turn();
            }
        } catch (Error e) {
            LOG.errorf(e, "an error has ended %s", name);
            failure.complete(e);
        } finally {
            try {
                end();
            } finally {
                ended = true;
            }
        }
    }

    /** Whether turns continue: false after {@link #stop}. A long turn then ends early. */
    protected final boolean isRunning() {
        return running;
    }

    /** Ends {@link #run} after the current turn. */
    public void stop() {
        running = false;
    }

    /** Completes with the error that has ended the service. The process must end. */
    public final CompletionStage<Throwable> failure() {
        return failure.minimalCompletionStage();
    }

    /** Whether the service runs: false after it has ended. */
    public final boolean isAlive() {
        return !ended;
    }

    /** Stops the service, and waits a limited time for its end. */
    @Override
    public final void close() {
        stop();
        long start = time.nanoTime();
        while (!ended
                && time.nanosSince(start) < closeTimeout.toNanos()
                && !Thread.currentThread().isInterrupted()) {
            time.sleep(CLOSE_POLL);
        }
    }
}
