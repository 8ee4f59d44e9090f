package io.tidemark.generation;

import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.generation.Engine.RunningStep;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.function.Predicate;

/**
 * The thread {@code tidemark-engine}, and the state that only it touches: sequences, keys and values, prefixes and
 * background tasks. A turn repeats while there is work: run the queued commands, run a step of the sequences, run a
 * slice of a background task. The private methods run on this thread.
 */
final class EngineThread {

    private static final System.Logger LOG = System.getLogger(EngineThread.class.getName());

    /** The weight of a step in the mean of durations is one divided by this. */
    private static final int MEAN_OF_STEPS = 8;

    private final Decoder decoder;
    private final KvPool pool;
    private final RequestQueue queue;
    private final Scheduler scheduler;
    private final StepResults results;
    private final StepLoop loop;
    private final Runnable onFailure;
    private final CommandQueue commands = new CommandQueue();
    private final Deque<BackgroundTask> backgroundTasks = new ArrayDeque<>();
    /** What the thread waits for: it has a permit if there may be work. */
    private final Semaphore work = new Semaphore(0);

    private final Thread thread = new Thread(this::run, "tidemark-engine");

    private volatile boolean closed;
    /** What the thread runs; empty while it waits. */
    private volatile Optional<RunningStep> runningStep = Optional.empty();

    private volatile EngineStats.Steps stats = EngineStats.Steps.NONE;
    /**
     * Mean of recent turns with a step, except those with the last slice of a task; infinite before the first step has
     * ended.
     */
    private volatile double secondsPerStep = Double.POSITIVE_INFINITY;

    /** Commands of other threads, which are run in the next turn. */
    private static final class CommandQueue {

        private final Queue<Runnable> commands = new ConcurrentLinkedQueue<>();
        private boolean closed;

        /** @throws IllegalStateException if the queue is closed */
        private synchronized void add(Runnable command) {
            if (closed) {
                throw new IllegalStateException("the engine is closed");
            }
            commands.add(command);
        }

        /** Rejects new commands. Queued commands can still be run. */
        private synchronized void close() {
            closed = true;
        }

        /** Runs all queued commands. */
        private void runAll() {
            for (Runnable next = commands.poll(); next != null; next = commands.poll()) {
                next.run();
            }
        }
    }

    /**
     * @param pool      closed by this thread
     * @param onFailure called on this thread if an error ends it
     */
    EngineThread(
            LanguageModel model,
            EngineLimits limits,
            RequestQueue queue,
            KvPool pool,
            StepMasks masks,
            Runnable onFailure) {
        this.decoder = model.decoder();
        this.pool = pool;
        this.queue = queue;
        this.scheduler = new Scheduler(model, queue, pool, limits.prefillTokensPerStep());
        this.results = new StepResults(scheduler);
        this.loop = new StepLoop(decoder, results, masks, this::started);
        this.onFailure = onFailure;
    }

    void start() {
        thread.start();
    }

    boolean isAlive() {
        return thread.isAlive();
    }

    /** Gives the thread a turn, because there may be work. Any thread may call. */
    void wake() {
        work.release();
    }

    /** What the thread does at the moment; empty while it waits for work. */
    Optional<RunningStep> runningStep() {
        return runningStep;
    }

    /**
     * Ends requests in the next turn. Any thread may call.
     *
     * @throws IllegalStateException if the engine is closed
     */
    void cancel(Predicate<SubmittedRequest> which, FinishReason reason) {
        commands.add(() -> end(which, reason));
        wake();
    }

    /**
     * Runs a slice of a task after each step until the task ends. Any thread may call.
     *
     * @throws IllegalStateException if the engine is closed
     */
    void runInBackground(BackgroundTask task) {
        commands.add(() -> backgroundTasks.add(task));
        wake();
    }

    /** See {@link Engine#secondsLeft}. Any thread may call. */
    OptionalDouble secondsLeft(String requestId) {
        OptionalInt steps = scheduler.stepsLeft(requestId);
        return steps.isPresent() ? OptionalDouble.of(steps.getAsInt() * secondsPerStep) : OptionalDouble.empty();
    }

    /** See {@link EngineLoad#tokensLeft}. Any thread may call. */
    double tokensLeft(double completionTokens) {
        return scheduler.tokensLeft(completionTokens);
    }

    /** The counters as of the last turn. Any thread may call. */
    EngineStats.Steps stats() {
        return stats;
    }

    /** Rejects further commands, and lets the thread end after its turn. Any thread may call. */
    void close() {
        commands.close();
        closed = true;
        wake();
    }

    /** Waits until the thread has ended, the timeout has passed or an interrupt; returns whether it has ended. */
    boolean join(Duration timeout) {
        try {
            // 0 would wait without a limit
            thread.join(Math.max(1, timeout.toMillis()));
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
        boolean failed = false;
        try {
            // before the first call of libtorch, which would otherwise start a thread pool for all processors
            decoder.setThreads(decoder.threads());
            boolean active = false;
            while (awaitTurn(active)) {
                active = turn();
                runningStep = Optional.empty();
            }
            commands.close();
            commands.runAll();
            end(request -> true, FinishReason.CANCELLED);
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.ERROR, "the engine failed; all its requests fail", e);
            failed = true;
            fail();
        } finally {
            runningStep = Optional.empty();
            release(failed);
        }
    }

    /**
     * Waits for work unless the last turn has left some. An interrupt closes the engine.
     *
     * @return false if the engine is closed
     */
    private boolean awaitTurn(boolean active) {
        try {
            if (!active) {
                work.acquire();
            }
        } catch (InterruptedException e) {
            closed = true;
        }
        work.drainPermits();
        return !closed;
    }

    private void fail() {
        try {
            onFailure.run();
        } finally {
            commands.close();
            commands.runAll();
        }
    }

    /** Gives requests that have no outcome one, and frees the memory. */
    private void release(boolean failed) {
        scheduler.abandon().forEach(EngineThread::fail);
        queue.closeAtEnd().forEach(failed ? EngineThread::fail : EngineThread::cancelBeforeStart);
        pool.close();
    }

    /** Returns whether there is work for a further turn. */
    private boolean turn() {
        long start = System.nanoTime();
        started(List.of());
        commands.runAll();
        boolean ran = loop.step() > 0;
        boolean slice = runBackgroundSlice();
        updateStats();
        // the next turns have no slice if this one was the last
        if (ran && (!backgroundTasks.isEmpty() || !slice)) {
            double seconds = (System.nanoTime() - start) / 1e9;
            secondsPerStep = Double.isInfinite(secondsPerStep)
                    ? seconds
                    : secondsPerStep + (seconds - secondsPerStep) / MEAN_OF_STEPS;
        }
        return ran || scheduler.running() > 0 || !backgroundTasks.isEmpty();
    }

    /** Runs a slice of the next background task; returns false if there is no task. */
    private boolean runBackgroundSlice() {
        if (backgroundTasks.isEmpty()) {
            return false;
        }
        started(List.of());
        BackgroundTask task = backgroundTasks.remove();
        boolean more = false;
        try {
            more = task.runSlice();
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.ERROR, "a background task failed and was ended", e);
        }
        if (more) {
            backgroundTasks.add(task);
        }
        return true;
    }

    private void started(List<String> requests) {
        runningStep = Optional.of(new RunningStep(requests));
    }

    private void updateStats() {
        stats = results.stats(pool.prefixes().bytes());
    }

    private void end(Predicate<SubmittedRequest> which, FinishReason reason) {
        scheduler.end(queue.cancel(which, reason), request -> request.endBeforeStart(reason));
        scheduler.sequences(which).stream()
                // a request that fails has removed its other choices
                .filter(scheduler::isRunning)
                .forEach(sequence -> results.end(sequence, reason));
        updateStats();
    }
}
