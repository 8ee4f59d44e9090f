package io.tidemark.torch;

import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * A thread for what may take long, one piece of work after another, beside the thread that others wait for.
 */
public final class BackgroundExecutor implements Executor, AutoCloseable {

    private static final long CLOSE_SECONDS = 60;

    private final ExecutorService executor;

    /** @param setup what the thread does first, such as {@link Torch#lowerThreadPriority} */
    public BackgroundExecutor(String name, Runnable setup) {
        executor = Executors.newSingleThreadExecutor(work -> {
            Thread thread = new Thread(
                    () -> {
                        setup.run();
                        work.run();
                    },
                    name);
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
