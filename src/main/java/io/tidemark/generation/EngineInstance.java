package io.tidemark.generation;

import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.kvcache.KvBlocks;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.generation.layout.InstanceWork;
import io.tidemark.generation.layout.StepSize;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Predicate;

/**
 * The state of an engine instance: its sequences, keys and values, prefixes, commands and background tasks. A turn of
 * the instance repeats: run the queued commands, run a step of its sequences, run a slice of a background task.
 * {@link InstanceGroups} decides which thread runs the turn.
 */
final class EngineInstance {

    private static final System.Logger LOG = System.getLogger(EngineInstance.class.getName());

    /** The weight of a step in the mean of durations is one divided by this. */
    private static final int MEAN_OF_STEPS = 8;

    private final int index;
    private final Decoder decoder;
    private final KvPool pool;
    private final RequestQueue queue;
    private final Scheduler scheduler;
    private final StepResults results;
    private final InstanceGroups groups;
    private final CommandQueue commands = new CommandQueue();
    private final Deque<BackgroundTask> backgroundTasks = new ArrayDeque<>();
    private boolean decoderUsed;
    private long jointSteps;
    private volatile EngineStats.Instance stats = EngineStats.Instance.NONE;
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
     * @param index  index of the instance in the queue and in the groups
     * @param blocks of this instance, or of this one and its neighbour
     */
    EngineInstance(
            LanguageModel model,
            EngineLimits limits,
            int instances,
            int index,
            RequestQueue queue,
            KvBlocks blocks,
            InstanceGroups groups) {
        this.index = index;
        this.queue = queue;
        this.groups = groups;
        this.decoder = model.decoder().shareWeights();
        this.pool = blocks.newPool(share(limits.maxNumSeqs(), instances), limits.prefixBytes() / instances);
        this.scheduler =
                new Scheduler(model, decoder, index, queue, pool, share(limits.prefillTokensPerStep(), instances));
        this.results = new StepResults(scheduler);
    }

    int index() {
        return index;
    }

    KvPool pool() {
        return pool;
    }

    /**
     * Ends requests in the next turn. Any thread may call.
     *
     * @throws IllegalStateException if the instance is closed
     */
    void cancel(Predicate<SubmittedRequest> which, FinishReason reason) {
        commands.add(() -> end(which, reason));
        groups.wake(index);
    }

    /**
     * Runs a background task that the request queue has assigned to this instance. Any thread may call.
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
        groups.wake(index);
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

    /** As of the last turn. Any thread may call. */
    EngineStats.Instance stats() {
        return stats;
    }

    /** See {@link RequestQueue#startable}. Any thread may call. */
    int startableRequests() {
        return queue.startable();
    }

    /** Whether further steps of this instance alone leave the packed groups unchanged. Any thread may call. */
    boolean isStable() {
        return decoder.isStable();
    }

    /** Rejects further commands. Any thread may call. */
    void closeCommands() {
        commands.close();
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

    // The following methods are called by the thread that runs the turn.

    /** The decoder for steps of this instance as its own group, until {@link #pauseDecoder}. */
    Decoder useDecoder() {
        decoderUsed = true;
        return decoder;
    }

    StepResults results() {
        return results;
    }

    boolean hasSequences() {
        return scheduler.running() > 0;
    }

    /** Releases what the decoder keeps from one step of this instance alone to the next. */
    void pauseDecoder() {
        if (decoderUsed) {
            decoder.pause();
            decoderUsed = false;
        }
    }

    /** Runs the queued commands, and frees memory that this instance does not use if a queued request needs it. */
    void beginTurn() {
        commands.runAll();
        long needed = queue.neededBytes();
        if (needed > 0 && pool.freeUnused(needed)) {
            queue.memoryFreed();
        }
    }

    boolean hasBackgroundTask() {
        return !backgroundTasks.isEmpty();
    }

    /** Runs a slice of the next background task. */
    void runBackgroundSlice() {
        BackgroundTask task = backgroundTasks.remove();
        boolean more = false;
        try {
            more = task.runSlice();
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.ERROR, "a background task failed and was ended", e);
        }
        if (more) {
            backgroundTasks.add(task);
        } else {
            queue.backgroundEnded(index);
        }
    }

    /** Counts a step that this instance, the first one of its group, has shared with others. */
    void countJointStep() {
        jointSteps++;
    }

    /**
     * Publishes the state after a turn.
     *
     * @param step  the part of this instance in the step of the turn
     * @param slice whether a slice of a background task of this instance has run in the turn
     * @param packing whether the adapters of its group's last step are being packed
     * @param nanos duration of the turn
     */
    InstanceWork endTurn(StepSize step, boolean slice, boolean packing, long nanos) {
        updateStats();
        boolean background = hasBackgroundTask();
        // the next turns have no slice if this one was the last
        if (step.rows() > 0 && (background || !slice)) {
            double seconds = nanos / 1e9;
            secondsPerStep = Double.isInfinite(secondsPerStep)
                    ? seconds
                    : secondsPerStep + (seconds - secondsPerStep) / MEAN_OF_STEPS;
        }
        boolean active = step.rows() > 0 || hasSequences() || background;
        return new InstanceWork(step, scheduler.starting(), slice, packing, background, active);
    }

    /** Runs the commands that were queued before the end, and ends running requests as cancelled. */
    void cancelAll() {
        commands.runAll();
        end(request -> true, FinishReason.CANCELLED);
    }

    /** Runs the commands that were queued before the failure. */
    void runCommands() {
        commands.runAll();
    }

    /**
     * Gives requests that have no outcome one, and frees the memory of this instance.
     *
     * @param failed whether the engine has failed
     */
    void close(boolean failed) {
        queue.withdraw(index);
        scheduler.abandon().forEach(EngineInstance::fail);
        queue.close().forEach(failed ? EngineInstance::fail : EngineInstance::cancelBeforeStart);
        pool.close();
        decoder.close();
    }

    private void updateStats() {
        stats = new EngineStats.Instance(
                results.promptTokens(),
                results.generatedTokens(),
                results.steps(),
                jointSteps,
                scheduler.reusedPromptTokens(),
                pool.prefixes().bytes(),
                results.masks());
    }

    private void end(Predicate<SubmittedRequest> which, FinishReason reason) {
        scheduler.end(queue.cancel(which, reason), request -> request.endBeforeStart(reason));
        scheduler.sequences(which).stream()
                // a request that fails has removed its other choices
                .filter(scheduler::isRunning)
                .forEach(sequence -> results.end(sequence, reason));
        updateStats();
    }

    /** An equal share, rounded up. */
    private static int share(int total, int parts) {
        return (total + parts - 1) / parts;
    }
}
