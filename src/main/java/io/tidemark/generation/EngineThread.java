package io.tidemark.generation;

import io.tidemark.model.KvPool;
import io.tidemark.model.LanguageModel;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;

/**
 * The thread {@code tidemark-engine}: takes over what others have handed in, runs a step, runs a slice of background
 * work, and begins anew. The methods that are not private may be called from any thread.
 */
final class EngineThread implements AutoCloseable {

    private static final System.Logger LOG = System.getLogger(EngineThread.class.getName());

    private final KvPool pool;
    private final Scheduler scheduler;
    private final StepLoop loop;
    private final Inbox inbox = new Inbox();
    private final AtomicInteger handedOver = new AtomicInteger();
    private final BackgroundWork background = new BackgroundWork();
    private final CompletableFuture<Void> death = new CompletableFuture<>();
    private final Thread thread = new Thread(this::run, "tidemark-engine");
    private volatile EngineLoad load = EngineLoad.NONE;

    /** @param pool closed when the thread ends */
    EngineThread(LanguageModel model, EngineLimits limits, KvPool pool) {
        this.pool = pool;
        this.scheduler = new Scheduler(model, limits, pool);
        this.loop = new StepLoop(model.decoder(), scheduler);
    }

    void start() {
        thread.start();
    }

    /** @throws IllegalStateException when the thread takes no more */
    void enqueue(RunningRequest request) {
        handedOver.incrementAndGet();
        inbox.add(() -> {
            handedOver.decrementAndGet();
            scheduler.enqueue(request);
        });
    }

    /** @throws IllegalStateException when the thread takes no more */
    void cancel(Predicate<RunningRequest> which, FinishReason reason) {
        inbox.add(() -> end(which, reason));
    }

    /** @throws IllegalStateException when the thread takes no more */
    void runBetweenSteps(BetweenSteps work) {
        inbox.add(() -> background.add(work));
    }

    /** As it was after the last step, with what was handed in since. */
    EngineLoad load() {
        return load.withMoreQueued(handedOver.get());
    }

    boolean isAlive() {
        return thread.isAlive();
    }

    /** Done when the thread dies of an error: on that thread, before it takes no more and all that it had to do fails. */
    CompletionStage<Void> death() {
        return death.minimalCompletionStage();
    }

    /** Ends what runs and waits as cancelled, and waits for the thread. */
    @Override
    public void close() {
        inbox.close();
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        try {
            while (!inbox.isClosed()) {
                takeOver();
                boolean busy = loop.step() | background.runSlice();
                report();
                if (!busy && scheduler.isIdle() && background.isEmpty()) {
                    inbox.runNext();
                }
            }
            takeOver();
            end(request -> true, FinishReason.CANCELLED);
        } catch (RuntimeException | Error e) {
            death.complete(null);
            inbox.close();
            LOG.log(System.Logger.Level.ERROR, "the engine has died of an error; what it had to do fails", e);
            takeOver();
        } finally {
            scheduler.abandon().forEach(request -> request.failed("engine_error", "the engine has died of an error"));
            pool.close();
        }
    }

    private void takeOver() {
        inbox.runAll();
        report();
    }

    private void report() {
        load = new EngineLoad(scheduler.waiting(), scheduler.running(), pool.reservedBytes(), loop.generatedTokens(), loop.steps(),
                scheduler.reusedPromptTokens(), pool.prefixes().bytes());
    }

    private void end(Predicate<RunningRequest> which, FinishReason reason) {
        scheduler.removeWaiting(which).forEach(request -> request.endedBeforeStart(reason));
        scheduler.rows(which).forEach(row -> loop.end(row, reason));
        report();
    }
}
