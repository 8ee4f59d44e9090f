package io.tidemark.cli;

import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Keeps the JVM from halting on a signal before some work has cleaned up after itself. Quarkus ends its application
 * from a shutdown hook, and the JVM halts as soon as all hooks are done: a broker that has to outlive the application
 * would be cut off half-way.
 */
public final class ShutdownGuard {

    private static final long MOST_SECONDS = 60;

    private final CountDownLatch signalled = new CountDownLatch(1);
    private final CountDownLatch done = new CountDownLatch(1);

    private ShutdownGuard() {}

    /** Runs the work; from a signal on, the JVM waits until it has returned, a minute at most. */
    public static int holding(Callable<Integer> work) throws Exception {
        return new ShutdownGuard().run(work, () -> {});
    }

    /** As {@link #holding}, and a signal is told to {@code onSignal}; how the work then ends is nobody's concern any more. */
    public static int holding(Callable<Integer> work, Runnable onSignal) throws Exception {
        return new ShutdownGuard().run(work, onSignal);
    }

    private int run(Callable<Integer> work, Runnable onSignal) throws Exception {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> awaitEnd(onSignal), "tidemark-shutdown-guard"));
        try {
            return work.call();
        } catch (Exception e) {
            if (signalled.getCount() > 0) {
                throw e;
            }
            return 0; // the signal decides the exit code
        } finally {
            done.countDown();
        }
    }

    private void awaitEnd(Runnable onSignal) {
        if (done.getCount() == 0) {
            return; // an ordinary end
        }
        signalled.countDown();
        onSignal.run();
        try {
            done.await(MOST_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
