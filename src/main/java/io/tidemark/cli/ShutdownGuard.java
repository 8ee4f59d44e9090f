package io.tidemark.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Keeps the JVM from halting on a signal before some work has cleaned up after itself. Quarkus ends its application
 * from a shutdown hook, and the JVM halts as soon as all hooks are done: a broker that has to outlive the application
 * would be cut off half-way.
 */
public final class ShutdownGuard {

    private static final long MOST_SECONDS = 60;

    private ShutdownGuard() {
    }

    /** Runs the work; from a signal on, the JVM waits until it has returned, a minute at most. */
    public static <T> T holding(Supplier<T> work) {
        CountDownLatch done = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> await(done), "tidemark-shutdown-guard"));
        try {
            return work.get();
        } finally {
            done.countDown();
        }
    }

    private static void await(CountDownLatch done) {
        try {
            done.await(MOST_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
