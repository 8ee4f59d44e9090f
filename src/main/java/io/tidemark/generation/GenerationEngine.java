package io.tidemark.generation;

import io.tidemark.model.KvLimits;
import io.tidemark.model.KvPool;
import io.tidemark.model.LanguageModel;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;

/**
 * Generates text for many requests at once. All work happens on one thread, {@code tidemark-engine}; the public methods
 * may be called from any thread and hand their work over to it.
 */
public final class GenerationEngine implements AutoCloseable {

    private static final System.Logger LOG = System.getLogger(GenerationEngine.class.getName());

    private final KvPool pool;
    private final RequestBounds bounds;
    private final Scheduler scheduler;
    private final StepLoop loop;
    private final Inbox inbox = new Inbox();
    private final AtomicInteger handedOver = new AtomicInteger();
    private final BackgroundWork background = new BackgroundWork();
    private final CompletableFuture<Void> death = new CompletableFuture<>();
    private final Thread thread = new Thread(this::run, "tidemark-engine");
    private volatile EngineLoad load = EngineLoad.NONE;

    private GenerationEngine(LanguageModel model, EngineLimits limits) {
        this.pool = new KvPool(model.decoder(), new KvLimits(limits.kvBytes(), limits.slots(), limits.prefixBytes()));
        this.bounds = new RequestBounds(model.config(), limits, pool);
        this.scheduler = new Scheduler(model, limits, pool);
        this.loop = new StepLoop(model.decoder(), scheduler);
    }

    /** Begins with its thread, which runs until the engine is closed. */
    public static GenerationEngine start(LanguageModel model, EngineLimits limits) {
        GenerationEngine engine = new GenerationEngine(model, limits);
        engine.thread.start();
        return engine;
    }

    /**
     * Says at once whether {@link #submit} would take a request; its adapter does not matter.
     *
     * @throws RequestRefused when it can never run
     */
    public void requireRunnable(GenerationRequest request) throws RequestRefused {
        bounds.require(request);
    }

    /**
     * Queues a request. The queue has no bound here; the caller bounds what it submits.
     *
     * @throws RequestRefused when the request can never run
     * @throws IllegalStateException when the engine is closed
     */
    public void submit(GenerationRequest request, GenerationListener listener) throws RequestRefused {
        bounds.require(request);
        RunningRequest running = new RunningRequest(request, listener, System.nanoTime());
        handedOver.incrementAndGet();
        inbox.add(() -> {
            handedOver.decrementAndGet();
            scheduler.enqueue(running);
        });
    }

    /**
     * The same for those who want to know the outcome only.
     *
     * @return completed on the engine's thread, always normally
     * @throws RequestRefused as above
     * @throws IllegalStateException as above
     */
    public CompletableFuture<Outcome> submit(GenerationRequest request) throws RequestRefused {
        CompletableFuture<Outcome> outcome = new CompletableFuture<>();
        submit(request, new UntilTheEnd(outcome));
        return outcome;
    }

    /**
     * Ends a request, wherever it is, with the text so far. Does nothing when no such request is here.
     *
     * @throws IllegalStateException when the engine is closed
     */
    public void cancel(String requestId, FinishReason reason) {
        inbox.add(() -> end(request -> request.request().id().equals(requestId), reason));
    }

    /** Runs work in slices, one between two steps, until it says that there is no more. */
    public void runBetweenSteps(BetweenSteps work) {
        inbox.add(() -> background.add(work));
    }

    /** As it was after the last step, with what was submitted since. */
    public EngineLoad load() {
        return load.withMoreQueued(handedOver.get());
    }

    /** False when the engine's thread has died of an error, or was closed. */
    public boolean isAlive() {
        return thread.isAlive();
    }

    /** Done when the engine's thread dies of an error: on that thread, before it takes no more and all that it had to do fails. */
    public CompletionStage<Void> death() {
        return death.minimalCompletionStage();
    }

    /** Ends what runs and waits as cancelled, then frees the caches. */
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
