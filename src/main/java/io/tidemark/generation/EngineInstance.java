package io.tidemark.generation;

import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.kvcache.KvBudget;
import io.tidemark.decoder.kvcache.KvPool;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.function.Predicate;

/**
 * A thread {@code tidemark-engine-N} that repeats: run the queued commands, run a step of its sequences, run a slice of
 * a background task. The package-private methods may be called from any thread; the private ones run on this thread.
 */
final class EngineInstance {

    private static final System.Logger LOG = System.getLogger(EngineInstance.class.getName());

    /** The weight of a step in the mean of durations is one divided by this. */
    private static final int MEAN_OF_STEPS = 8;

    private final int index;
    private final int threads;
    private final Decoder decoder;
    private final KvPool pool;
    private final RequestQueue queue;
    private final Scheduler scheduler;
    private final StepLoop loop;
    private final CommandQueue commands = new CommandQueue();
    private final Deque<BackgroundTask> backgroundTasks = new ArrayDeque<>();
    private final ReadWriteLock processors;
    private final Runnable onFailure;
    private final Thread thread;
    private volatile EngineStats.Instance stats = EngineStats.Instance.NONE;
    /** Mean of recent steps with the background work between them; infinite before the first step has ended. */
    private volatile double secondsPerStep = Double.POSITIVE_INFINITY;

    private volatile boolean aborted;
    /** Empty while the thread waits for work. */
    private volatile Optional<RunningStep> runningStep = Optional.empty();

    /** Commands of other threads for the thread of an instance, which alone runs them. */
    private static final class CommandQueue {

        private final BlockingQueue<Runnable> commands = new LinkedBlockingQueue<>();
        private volatile boolean closed;

        /** @throws IllegalStateException if the queue is closed */
        private synchronized void add(Runnable command) {
            if (closed) {
                throw new IllegalStateException("the engine is closed");
            }
            commands.add(command);
        }

        /** Makes {@link #awaitAndRun} return. Does nothing if the queue is closed. */
        private synchronized void wake() {
            if (!closed && commands.isEmpty()) {
                commands.add(() -> {});
            }
        }

        /** Rejects new commands and makes {@link #awaitAndRun} return. Queued commands can still be run. */
        private synchronized void close() {
            closed = true;
            commands.add(() -> {});
        }

        private boolean isClosed() {
            return closed;
        }

        /** Runs all queued commands. */
        private void runAll() {
            for (Runnable next = commands.poll(); next != null; next = commands.poll()) {
                next.run();
            }
        }

        /** Waits for a command and runs it, unless the queue is closed. An interrupt closes the queue. */
        private void awaitAndRun() {
            try {
                // runAll may have taken the command that close adds
                if (!closed) {
                    commands.take().run();
                }
            } catch (InterruptedException e) {
                close();
            }
        }
    }

    /**
     * @param index      index of the instance in the queue
     * @param processors lock of all instances, see {@link StepThreads}
     * @param onFailure  called on the thread of the instance if an error ends it
     */
    EngineInstance(
            LanguageModel model,
            EngineLimits limits,
            EngineLayout layout,
            int index,
            RequestQueue queue,
            KvBudget budget,
            ReadWriteLock processors,
            Runnable onFailure) {
        int instances = layout.instances();
        this.index = index;
        this.threads = layout.threads();
        this.queue = queue;
        this.processors = processors;
        this.onFailure = onFailure;
        this.decoder = model.decoder().shareWeights();
        this.pool = new KvPool(
                decoder.kvCache(), budget, share(limits.maxNumSeqs(), instances), limits.prefixBytes() / instances);
        this.scheduler =
                new Scheduler(model, decoder, index, queue, pool, share(limits.prefillTokensPerStep(), instances));
        this.loop = new StepLoop(
                decoder,
                scheduler,
                new StepThreads(layout, () -> index == 0 && queue.isAlone(index), processors),
                this::started);
        this.thread = new Thread(this::run, "tidemark-engine-" + index);
    }

    KvPool pool() {
        return pool;
    }

    void start() {
        thread.start();
    }

    /** Wakes an idle instance, which then asks the queue for a request. */
    void wake() {
        commands.wake();
    }

    /** @throws IllegalStateException if the instance is closed */
    void cancel(Predicate<SubmittedRequest> which, FinishReason reason) {
        commands.add(() -> end(which, reason));
    }

    /**
     * Runs a background task that the request queue has assigned to this instance.
     *
     * @throws IllegalStateException if the instance is closed
     */
    void runInBackground(BackgroundTask task) {
        try {
            commands.add(() -> backgroundTasks.add(task));
        } catch (IllegalStateException e) {
            queue.backgroundEnded(index);
            throw e;
        }
    }

    /** See {@link Engine#secondsLeft}. */
    OptionalDouble secondsLeft(String requestId) {
        OptionalInt steps = scheduler.stepsLeft(requestId);
        return steps.isPresent() ? OptionalDouble.of(steps.getAsInt() * secondsPerStep) : OptionalDouble.empty();
    }

    /** See {@link EngineLoad#tokensLeft}. */
    double tokensLeft(double completionTokens) {
        return scheduler.tokensLeft(completionTokens);
    }

    /** As of the last step. */
    EngineStats.Instance stats() {
        return stats;
    }

    boolean isAlive() {
        return thread.isAlive();
    }

    /** What the thread does at the moment; empty while it waits for work. */
    Optional<RunningStep> runningStep() {
        return runningStep;
    }

    private void started(List<String> requests) {
        runningStep = Optional.of(new RunningStep(index, requests));
    }

    /** Ends running requests as cancelled after the current step, then the thread. */
    void stop() {
        commands.close();
    }

    /** Ends the thread after the current step and fails running requests. */
    void abort() {
        aborted = true;
        commands.close();
    }

    /** Waits until the thread has ended. Returns false if it has not. */
    boolean join(Duration timeout) {
        try {
            thread.join(timeout.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return !thread.isAlive();
    }

    /** Fails a request when the engine has failed. */
    static void fail(SubmittedRequest request) {
        endQuietly(() -> request.fail("engine_error", "the engine failed"));
    }

    private static void cancelBeforeStart(SubmittedRequest request) {
        endQuietly(() -> request.endBeforeStart(FinishReason.CANCELLED));
    }

    /** When the engine ends, a listener that throws must not keep the other requests without an outcome. */
    private static void endQuietly(Runnable end) {
        try {
            end.run();
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.ERROR, "a request has no outcome", e);
        }
    }

    private void run() {
        try {
            // before the first call of libtorch, which would otherwise start a thread pool for all processors
            decoder.setThreads(threads);
            while (!commands.isClosed()) {
                long start = System.nanoTime();
                started(List.of());
                commands.runAll();
                freeUnusedMemory();
                boolean stepped = loop.step();
                if (!stepped && scheduler.running() == 0) {
                    decoder.pause();
                }
                boolean busy = runBackgroundSlice() || stepped;
                updateStats();
                if (stepped) {
                    recordStep(System.nanoTime() - start);
                }
                if (!busy && scheduler.running() == 0) {
                    runningStep = Optional.empty();
                    commands.awaitAndRun();
                }
            }
            commands.runAll();
            if (!aborted) {
                end(request -> true, FinishReason.CANCELLED);
            }
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.ERROR, "an engine instance failed; all requests of the engine fail", e);
            aborted = true;
            onFailure.run();
            commands.runAll();
        } finally {
            runningStep = Optional.empty();
            queue.withdraw(index);
            scheduler.abandon().forEach(EngineInstance::fail);
            queue.close().forEach(aborted ? EngineInstance::fail : EngineInstance::cancelBeforeStart);
            pool.close();
            decoder.close();
        }
    }

    /** Runs a slice of the next background task; returns false if there is none. */
    private boolean runBackgroundSlice() {
        BackgroundTask task = backgroundTasks.poll();
        if (task == null) {
            return false;
        }
        boolean more = false;
        started(List.of());
        processors.readLock().lock();
        try {
            decoder.setThreads(threads);
            more = task.runSlice();
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.ERROR, "a background task failed and was ended", e);
        } finally {
            processors.readLock().unlock();
        }
        if (more) {
            backgroundTasks.add(task);
        } else {
            queue.backgroundEnded(index);
        }
        return true;
    }

    /** Frees memory that this instance does not use if the next queued request needs it. */
    private void freeUnusedMemory() {
        long needed = queue.neededBytes();
        if (needed > 0 && pool.freeUnused(needed)) {
            queue.memoryFreed();
        }
    }

    private void recordStep(long nanos) {
        double seconds = nanos / 1e9;
        secondsPerStep = Double.isInfinite(secondsPerStep)
                ? seconds
                : secondsPerStep + (seconds - secondsPerStep) / MEAN_OF_STEPS;
    }

    private void updateStats() {
        stats = new EngineStats.Instance(
                pool.reservedBytes(),
                loop.promptTokens(),
                loop.generatedTokens(),
                loop.steps(),
                scheduler.reusedPromptTokens(),
                pool.prefixes().bytes());
    }

    private void end(Predicate<SubmittedRequest> which, FinishReason reason) {
        scheduler.end(queue.cancel(which, reason), request -> request.endBeforeStart(reason));
        scheduler.sequences(which).forEach(sequence -> loop.end(sequence, reason));
        updateStats();
    }

    /** An equal share, rounded up. */
    private static int share(int total, int parts) {
        return (total + parts - 1) / parts;
    }
}
