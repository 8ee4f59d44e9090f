package io.tidemark.generation;

import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.kvcache.KvBudget;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.model.ModelConfig;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Predicate;

/**
 * Runs requests with continuous batching. One {@link EngineThread} runs the steps with all processors; requests wait in
 * one queue. The public methods may be called from any thread.
 */
public final class GenerationEngine implements Engine, AutoCloseable {

    private final ModelConfig config;
    private final EngineLimits limits;
    private final KvBudget budget;
    private final KvPool pool;
    private final RequestQueue queue;
    private final EngineThread thread;
    private final CompletableFuture<Void> failure = new CompletableFuture<>();

    private GenerationEngine(LanguageModel model, EngineLimits limits) {
        this.config = model.config();
        this.limits = limits;
        this.budget = new KvBudget(limits.kvBytes());
        this.pool = new KvPool(model.decoder().kvCache(), budget, limits.maxNumSeqs(), limits.prefixBytes());
        this.queue = new RequestQueue(limits, this::wake);
        this.thread = new EngineThread(
                model,
                limits,
                queue,
                pool,
                new StepMasks(config.vocabularySize(), limits.maskTimePerStep(), StepMasks.Clocks.system()),
                this::failed);
    }

    /** Starts an engine and its thread, which runs until the engine is closed. */
    public static GenerationEngine start(LanguageModel model, EngineLimits limits) {
        GenerationEngine engine = new GenerationEngine(model, limits);
        engine.thread.start();
        return engine;
    }

    private void wake() {
        thread.wake();
    }

    @Override
    public void validate(List<Integer> prompt, GenerationParams params) throws RequestRejectedException {
        long length = (long) prompt.size() + params.maxTokens();
        int context = config.contextLength();
        if (length > context) {
            throw new RequestRejectedException(
                    "context_length_exceeded",
                    prompt.size() >= context ? RequestRejectedException.PROMPT : "max_tokens",
                    "the prompt has " + prompt.size() + " tokens and max_tokens is " + params.maxTokens()
                            + ", together more than the model's context of " + context);
        }
        requireInVocabulary("logit_bias", params.sampling().logitBias().keySet());
        requireInVocabulary("stop_token_ids", params.stopConditions().stopTokens());
        if (params.choices() > limits.maxNumSeqs()) {
            throw new RequestRejectedException(
                    "out_of_range",
                    "n",
                    "n is " + params.choices() + ", more than the " + limits.maxNumSeqs()
                            + " sequences that the worker runs at once");
        }
        if (!pool.canEverHold((int) length, params.choices())) {
            throw new RequestRejectedException(
                    "kv_budget_exceeded",
                    "max_tokens",
                    params.choices() + " sequences of " + length + " tokens exceed the worker's KV cache of "
                            + limits.kvBytes() + " bytes");
        }
    }

    private void requireInVocabulary(String param, Collection<Integer> tokens) throws RequestRejectedException {
        for (int token : tokens) {
            if (token < 0 || token >= config.vocabularySize()) {
                throw new RequestRejectedException(
                        "out_of_range",
                        param,
                        "'" + param + "' has token " + token + ", outside of the model's vocabulary of "
                                + config.vocabularySize());
            }
        }
    }

    @Override
    public void submit(EngineRequest request, GenerationListener listener) throws RequestRejectedException {
        validate(request.prompt(), request.params());
        queue.add(new SubmittedRequest(request, listener, System.nanoTime()));
    }

    /**
     * Queues a request whose caller needs the outcome only.
     *
     * @return completed on the thread of the engine, always normally
     * @throws RequestRejectedException if the request can never run
     * @throws IllegalStateException if the engine is closed
     */
    public CompletableFuture<Outcome> submit(EngineRequest request) throws RequestRejectedException {
        CompletableFuture<Outcome> outcome = new CompletableFuture<>();
        submit(request, outcome::complete);
        return outcome;
    }

    @Override
    public void cancel(String requestId, FinishReason reason) {
        Predicate<SubmittedRequest> which = request -> request.request().id().equals(requestId);
        queue.cancel(which, reason).forEach(request -> request.endBeforeStart(reason));
        thread.cancel(which, reason);
    }

    @Override
    public Optional<RunningStep> runningStep() {
        return thread.runningStep();
    }

    @Override
    public OptionalDouble secondsLeft(String requestId) {
        return thread.secondsLeft(requestId);
    }

    /**
     * Runs a background task, one slice after each step. Several tasks take turns.
     *
     * @throws IllegalStateException if the engine is closed
     */
    public void runInBackground(BackgroundTask task) {
        thread.runInBackground(task);
    }

    @Override
    public long tokensProcessed() {
        return thread.stats().tokens();
    }

    @Override
    public boolean isSaturated() {
        return queue.isSaturated();
    }

    @Override
    public double tokensLeft(double completionTokens) {
        return queue.tokensLeft(completionTokens) + thread.tokensLeft(completionTokens);
    }

    @Override
    public EngineStats stats() {
        return new EngineStats(queue.size(), queue.runningSequences(), budget.reserved(), thread.stats());
    }

    /** Whether the thread of the engine runs: the engine was not closed and has not failed. */
    public boolean isAlive() {
        return thread.isAlive();
    }

    /**
     * Completes when an error ends the thread of the engine: on that thread, before the engine rejects new requests and
     * fails all others.
     */
    public CompletionStage<Void> failure() {
        return failure.minimalCompletionStage();
    }

    /**
     * Ends queued and running requests as cancelled, waits for the thread and frees the KV cache. An interrupt does not
     * end the wait, because a running step uses the model; the interrupt status is set again at the end.
     */
    @Override
    public void close() {
        boolean interrupted = false;
        while (!close(Duration.ofMillis(Long.MAX_VALUE))) {
            interrupted |= Thread.interrupted();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * The same, but waits at most this long, and until an interrupt.
     *
     * @return false if the thread has not ended: its step uses the model
     */
    public boolean close(Duration timeout) {
        thread.close();
        return thread.join(timeout);
    }

    /** Ends the engine after a failure. Runs on the thread of the engine. */
    private void failed() {
        failure.complete(null);
        thread.close();
        queue.close().forEach(EngineThread::fail);
    }
}
