package io.tidemark.torch;

import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** Runs long tasks one after another on its own daemon thread. Thread-safe. */
public final class BackgroundExecutor implements Executor, AutoCloseable {

    private static final long CLOSE_SECONDS = 60;

    private final ExecutorService executor;

    /**
     * @param name  name of the thread
     * @param setup runs first on the thread, for example {@link Torch#lowerThreadPriority}
     */
    public BackgroundExecutor(String name, Runnable setup) {
        executor = Executors.newSingleThreadExecutor(task -> {
            Thread thread = new Thread(
                    () -> {
                        setup.run();
                        task.run();
                    },
                    name);
            thread.setDaemon(true);
            return thread;
        });
    }

    /** @throws java.util.concurrent.RejectedExecutionException if this executor is closed */
    @Override
    public void execute(Runnable task) {
        executor.execute(task);
    }

    /**
     * Rejects new tasks, interrupts the running one and waits up to 60 seconds for it, then runs the queued ones on the
     * calling thread.
     */
    @Override
    public void close() {
        List<Runnable> queued = executor.shutdownNow();
        try {
            executor.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        queued.forEach(Runnable::run);
    }
}
