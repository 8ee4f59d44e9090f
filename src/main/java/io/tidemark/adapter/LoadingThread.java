package io.tidemark.adapter;

import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** The thread {@code tidemark-adapters}, on which adapters are loaded and freed, one after another. */
final class LoadingThread implements Executor, AutoCloseable {

    private static final long CLOSE_SECONDS = 60;

    private final ExecutorService executor = Executors.newSingleThreadExecutor(work -> {
        Thread thread = new Thread(work, "tidemark-adapters");
        thread.setDaemon(true);
        return thread;
    });

    @Override
    public void execute(Runnable work) {
        executor.execute(work);
    }

    /** Takes no more, and waits for what was given. */
    @Override
    public void close() {
        executor.shutdown();
        try {
            executor.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
