package io.tidemark.generation;

import io.tidemark.model.KvLimits;
import io.tidemark.model.KvPool;
import io.tidemark.model.LanguageModel;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * Generates text for many requests at once. All work happens on one thread, {@code tidemark-engine}; the public methods
 * may be called from any thread and hand their work over to it.
 */
public final class GenerationEngine implements AutoCloseable {

    private final RequestBounds bounds;
    private final EngineThread thread;

    private GenerationEngine(LanguageModel model, EngineLimits limits) {
        KvPool pool = new KvPool(model.decoder(), new KvLimits(limits.kvBytes(), limits.slots(), limits.prefixBytes()));
        this.bounds = new RequestBounds(model.config(), limits, pool);
        this.thread = new EngineThread(model, limits, pool);
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
        thread.enqueue(new RunningRequest(request, listener, System.nanoTime()));
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
        thread.cancel(request -> request.request().id().equals(requestId), reason);
    }

    /** Runs work in slices, one between two steps, until it says that there is no more. */
    public void runBetweenSteps(BetweenSteps work) {
        thread.runBetweenSteps(work);
    }

    /** As it was after the last step, with what was submitted since. */
    public EngineLoad load() {
        return thread.load();
    }

    /** False when the engine's thread has died of an error, or was closed. */
    public boolean isAlive() {
        return thread.isAlive();
    }

    /** Done when the engine's thread dies of an error: on that thread, before it takes no more and all that it had to do fails. */
    public CompletionStage<Void> death() {
        return thread.death();
    }

    /** Ends what runs and waits as cancelled, then frees the caches. */
    @Override
    public void close() {
        thread.close();
    }
}
