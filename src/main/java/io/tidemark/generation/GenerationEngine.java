package io.tidemark.generation;

import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.kvcache.KvBudget;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * Generates text for many requests at once, in one or several {@link EngineInstance}s: threads with sequences, keys and values
 * and a step loop of their own, on one copy of the weights. Requests wait in one queue; a sequence stays in its instance. The
 * public methods may be called from any thread and hand their work over.
 */
public final class GenerationEngine implements Engine, AutoCloseable {

    private final RequestBounds bounds;
    private final RequestQueue queue;
    private final KvBudget budget;
    private final List<EngineInstance> instances = new ArrayList<>();
    private final CompletableFuture<Void> death = new CompletableFuture<>();

    private GenerationEngine(LanguageModel model, EngineLimits limits, EngineLayout layout) {
        this.queue = new RequestQueue(
                limits, layout.instances(), instance -> instances.get(instance).wake());
        this.budget = new KvBudget(limits.kvBytes(), layout.instances());
        ReadWriteLock processors = new ReentrantReadWriteLock();
        for (int i = 0; i < layout.instances(); i++) {
            instances.add(new EngineInstance(model, limits, layout, i, queue, budget, processors, this::died));
        }
        this.bounds = new RequestBounds(model.config(), limits, instances.get(0).pool());
    }

    /** Begins with as many instances as a worker has by default on the threads of the model's {@link io.tidemark.torch.Torch}. */
    public static GenerationEngine start(LanguageModel model, EngineLimits limits) {
        return start(model, limits, EngineLayout.of(model.decoder(), 0, 0));
    }

    /** Begins with the threads of its instances, which run until the engine is closed. */
    public static GenerationEngine start(LanguageModel model, EngineLimits limits, EngineLayout layout) {
        GenerationEngine engine = new GenerationEngine(model, limits, layout);
        engine.instances.forEach(EngineInstance::start);
        return engine;
    }

    @Override
    public void validate(List<Integer> prompt, GenerationParams params) throws RequestRefused {
        bounds.require(prompt, params);
    }

    @Override
    public void submit(GenerationRequest request, GenerationListener listener) throws RequestRefused {
        validate(request.prompt(), request.params());
        queue.add(new RunningRequest(request, listener, System.nanoTime()));
    }

    /**
     * Queues a request whose caller needs the outcome only.
     *
     * @return completed on the thread of an instance, always normally
     * @throws RequestRefused if the request can never run
     * @throws IllegalStateException if the engine is closed
     */
    public CompletableFuture<Outcome> submit(GenerationRequest request) throws RequestRefused {
        CompletableFuture<Outcome> outcome = new CompletableFuture<>();
        submit(request, outcome::complete);
        return outcome;
    }

    @Override
    public void cancel(String requestId, FinishReason reason) {
        instances.forEach(
                instance -> instance.cancel(request -> request.request().id().equals(requestId), reason));
    }

    /**
     * Runs work in slices, one between two steps of an instance, until it says that there is no more. New requests avoid the
     * instance meanwhile.
     *
     * @throws IllegalStateException when the engine is closed
     */
    public void runInBackground(BackgroundTask work) {
        instances.get(queue.startBackground()).runInBackground(work);
    }

    /** What all instances have to do, as it was after the last step of each, with what was submitted since. */
    public EngineStats stats() {
        return instances.stream()
                .map(EngineInstance::stats)
                .reduce(EngineStats.NONE, EngineStats::plus)
                .with(queue.size(), queue.rows());
    }

    /** False when the thread of an instance has died of an error, or the engine was closed. */
    public boolean isAlive() {
        return instances.stream().allMatch(EngineInstance::isAlive);
    }

    /** Whether no thread of the engine runs any more. */
    public boolean hasEnded() {
        return instances.stream().noneMatch(EngineInstance::isAlive);
    }

    /**
     * Done when the thread of an instance dies of an error: on that thread, before the engine takes no more and all that it had to
     * do fails.
     */
    public CompletionStage<Void> death() {
        return death.minimalCompletionStage();
    }

    /** Ends what runs and waits as cancelled, then frees the caches. */
    @Override
    public void close() {
        instances.forEach(EngineInstance::stop);
        instances.forEach(EngineInstance::join);
    }

    /**
     * On the thread of the instance that has died: the others end too, and fail what they run. One that dies meanwhile waits until
     * those who asked for {@link #death} have been told.
     */
    private synchronized void died() {
        death.complete(null);
        instances.forEach(EngineInstance::abort);
        queue.close().forEach(EngineInstance::fail);
    }
}
