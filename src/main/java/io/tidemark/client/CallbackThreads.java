package io.tidemark.client;

import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Runs callbacks on up to eight daemon threads {@code tidemark-callbacks-N}, which end when they have nothing to do for
 * ten seconds. Callbacks may wait for each other, such as all eight for the end of another request, which a ninth has
 * to deliver. So whenever callbacks are queued and none has begun for a while, there is one thread more, until none is
 * queued. A callback that never ends costs a thread, and does not keep others from running.
 *
 * <p>Thread-safe.
 */
final class CallbackThreads implements Executor {

    private static final int THREADS = 8;
    private static final long IDLE_SECONDS = 10;

    private final Duration growAfter;
    private final AtomicLong threads = new AtomicLong();
    private final AtomicLong begun = new AtomicLong();
    private final AtomicBoolean watched = new AtomicBoolean();
    private final ThreadPoolExecutor executor = new ThreadPoolExecutor(
            THREADS, THREADS, IDLE_SECONDS, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), this::callbackThread);

    /** @param growAfter how long callbacks are queued and none begins until one thread is added */
    CallbackThreads(Duration growAfter) {
        this.growAfter = growAfter;
        executor.allowCoreThreadTimeOut(true);
    }

    private Thread callbackThread(Runnable task) {
        return daemon(task, "tidemark-callbacks-" + threads.incrementAndGet());
    }

    /** A thread that does not keep the program alive. */
    static Thread daemon(Runnable task, String name) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        return thread;
    }

    /** @throws RejectedExecutionException after {@link #shutdown} */
    @Override
    public void execute(Runnable callback) {
        executor.execute(() -> {
            begun.incrementAndGet();
            callback.run();
        });
        if (isQueued() && watched.compareAndSet(false, true)) {
            daemon(this::watch, "tidemark-callbacks").start();
        }
    }

    /** The threads end when the last callback has run. */
    void shutdown() {
        executor.shutdown();
    }

    private boolean isQueued() {
        return !executor.getQueue().isEmpty();
    }

    /** Runs while callbacks are queued, on a thread that runs none of them. */
    private void watch() {
        do {
            try {
                while (isQueued()) {
                    long before = begun.get();
                    TimeUnit.NANOSECONDS.sleep(growAfter.toNanos());
                    if (isQueued() && begun.get() == before) {
                        size(executor.getPoolSize() + 1);
                    }
                }
                size(THREADS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            } finally {
                watched.set(false);
            }
        } while (isQueued() && watched.compareAndSet(false, true));
    }

    private void size(int count) {
        if (count > executor.getMaximumPoolSize()) {
            executor.setMaximumPoolSize(count);
            executor.setCorePoolSize(count);
        } else {
            executor.setCorePoolSize(count);
            executor.setMaximumPoolSize(count);
        }
    }
}
