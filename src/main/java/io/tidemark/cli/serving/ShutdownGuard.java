package io.tidemark.cli.serving;

import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Delays the end of the JVM after a signal until work has cleaned up. Quarkus ends its application in a shutdown hook,
 * and the JVM halts as soon as all hooks have ended, which would cut off the shutdown of an embedded broker.
 */
public final class ShutdownGuard {

    private static final long TIMEOUT_SECONDS = 60;

    private final CountDownLatch signalled = new CountDownLatch(1);
    private final CountDownLatch done = new CountDownLatch(1);

    private ShutdownGuard() {}

    /** Runs work. After a signal the JVM waits up to 60 seconds until the work has returned. */
    public static int run(Callable<Integer> work) throws Exception {
        return run(work, () -> {});
    }

    /** Runs as {@link #run(Callable)}, and {@code onSignal} on a signal. Later exceptions of the work are ignored. */
    public static int run(Callable<Integer> work, Runnable onSignal) throws Exception {
        return new ShutdownGuard().guard(work, onSignal);
    }

    private int guard(Callable<Integer> work, Runnable onSignal) throws Exception {
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
            return; // the work has ended without a signal
        }
        signalled.countDown();
        onSignal.run();
        try {
            done.await(TIMEOUT_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
