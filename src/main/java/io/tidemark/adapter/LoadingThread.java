package io.tidemark.adapter;

import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * The thread {@code tidemark-adapters}, on which adapters are loaded and freed, one after another. It steps back behind the
 * engine's threads, so that a load takes little of the time of rows that run.
 */
final class LoadingThread implements Executor, AutoCloseable {

    private static final long CLOSE_SECONDS = 60;

    private final ExecutorService executor;

    /** @param first what the thread does before anything else */
    LoadingThread(Runnable first) {
        executor = Executors.newSingleThreadExecutor(work -> {
            Thread thread = new Thread(() -> {
                first.run();
                work.run();
            }, "tidemark-adapters");
            thread.setDaemon(true);
            return thread;
        });
    }

    @Override
    public void execute(Runnable work) {
        executor.execute(work);
    }

    /** Takes no more, interrupts what is under way and waits for it; what was given beside is then run on this thread. */
    @Override
    public void close() {
        List<Runnable> waiting = executor.shutdownNow();
        try {
            executor.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        waiting.forEach(Runnable::run);
    }
}
