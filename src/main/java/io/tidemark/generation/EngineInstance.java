package io.tidemark.generation;

import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.kvcache.KvBudget;
import io.tidemark.decoder.kvcache.KvPool;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.function.Predicate;

/**
 * A thread {@code tidemark-engine-N} that takes over what others have handed in, runs a step of its sequences, runs a slice of
 * background work, and begins anew. The methods that are not private may be called from any thread.
 */
final class EngineInstance {

    private static final System.Logger LOG = System.getLogger(EngineInstance.class.getName());

    private final int index;
    private final int threads;
    private final Decoder decoder;
    private final KvPool pool;
    private final RequestQueue queue;
    private final Scheduler scheduler;
    private final StepLoop loop;
    private final Inbox inbox = new Inbox();
    private final BackgroundWork background = new BackgroundWork();
    private final ReadWriteLock processors;
    private final Runnable onDeath;
    private final Thread thread;
    private volatile EngineStats load = EngineStats.NONE;
    private volatile boolean aborted;

    /**
     * @param index      its place in the queue
     * @param processors of all instances, see {@link StepWidth}
     * @param onDeath    called on this thread when it dies of an error
     */
    EngineInstance(
            LanguageModel model,
            EngineLimits limits,
            EngineLayout layout,
            int index,
            RequestQueue queue,
            KvBudget budget,
            ReadWriteLock processors,
            Runnable onDeath) {
        int instances = layout.instances();
        this.index = index;
        this.threads = layout.threads();
        this.queue = queue;
        this.processors = processors;
        this.onDeath = onDeath;
        this.decoder = model.decoder().shareWeights();
        this.pool =
                new KvPool(decoder.kvCache(), budget, share(limits.maxNumSeqs(), instances), limits.prefixBytes() / instances);
        this.scheduler =
                new Scheduler(model, decoder, index, queue, pool, share(limits.prefillTokensPerStep(), instances));
        this.loop = new StepLoop(
                decoder, scheduler, new StepWidth(layout, () -> index == 0 && queue.isAlone(index), processors));
        this.thread = new Thread(this::run, "tidemark-engine-" + index);
    }

    KvPool pool() {
        return pool;
    }

    void start() {
        thread.start();
    }

    /** Looks for requests if it waits for work. */
    void wake() {
        inbox.wake();
    }

    /** @throws IllegalStateException when the thread takes no more */
    void cancel(Predicate<RunningRequest> which, FinishReason reason) {
        inbox.add(() -> end(which, reason));
    }

    /**
     * Runs work that the queue has counted for this instance.
     *
     * @throws IllegalStateException when the thread takes no more
     */
    void runInBackground(BackgroundTask work) {
        try {
            inbox.add(() -> background.add(work));
        } catch (IllegalStateException e) {
            queue.backgroundEnded(index);
            throw e;
        }
    }

    /** As it was after the last step, without requests and rows: the queue counts them. */
    EngineStats stats() {
        return load;
    }

    boolean isAlive() {
        return thread.isAlive();
    }

    /** Ends what runs as cancelled after the present step, then the thread. */
    void stop() {
        inbox.close();
    }

    /** Ends the thread after the present step, and fails what runs. */
    void abort() {
        aborted = true;
        inbox.close();
    }

    void join() {
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    static void fail(RunningRequest request) {
        request.failed("engine_error", "the engine has died of an error");
    }

    private void run() {
        try {
            // or the first call of libtorch would use all processors, and keep a team of threads for it
            decoder.setThreads(threads);
            while (!inbox.isClosed()) {
                inbox.runAll();
                freeUnusedMemory();
                boolean busy = loop.step();
                if (!busy && scheduler.running() == 0) {
                    decoder.pause();
                }
                busy |= runSlice();
                report();
                if (!busy && scheduler.running() == 0) {
                    inbox.runNext();
                }
            }
            inbox.runAll();
            if (!aborted) {
                end(request -> true, FinishReason.CANCELLED);
            }
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.ERROR, "the engine has died of an error; what it had to do fails", e);
            aborted = true;
            onDeath.run();
            inbox.runAll();
        } finally {
            queue.withdraw(index);
            scheduler.abandon().forEach(EngineInstance::fail);
            queue.close()
                    .forEach(
                            aborted
                                    ? EngineInstance::fail
                                    : request -> request.endedBeforeStart(FinishReason.CANCELLED));
            pool.close();
            decoder.close();
        }
    }

    /** Returns false when there is no background work. */
    private boolean runSlice() {
        int before = background.size();
        if (before > 0) {
            processors.readLock().lock();
            try {
                decoder.setThreads(threads);
                background.runSlice();
            } finally {
                processors.readLock().unlock();
            }
        }
        if (background.size() < before) {
            queue.backgroundEnded(index);
        }
        return before > 0;
    }

    /** Frees memory that this instance does not use when the oldest request lacks it. */
    private void freeUnusedMemory() {
        long needed = queue.neededBytes();
        if (needed > 0 && pool.freeUnused(needed)) {
            queue.memoryFreed();
        }
    }

    private void report() {
        load = new EngineStats(
                0,
                0,
                pool.reservedBytes(),
                loop.generatedTokens(),
                loop.steps(),
                scheduler.reusedPromptTokens(),
                pool.prefixes().bytes());
    }

    private void end(Predicate<RunningRequest> which, FinishReason reason) {
        queue.cancel(which, reason).forEach(request -> request.endedBeforeStart(reason));
        scheduler.rows(which).forEach(row -> loop.end(row, reason));
        report();
    }

    /** An equal share, rounded up. */
    private static int share(int whole, int parts) {
        return (whole + parts - 1) / parts;
    }
}
