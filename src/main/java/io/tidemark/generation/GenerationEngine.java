package io.tidemark.generation;

import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.kvcache.KvBlocks;
import io.tidemark.decoder.kvcache.KvBudget;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.generation.layout.EngineLayout;
import io.tidemark.generation.layout.GroupWidth;
import io.tidemark.generation.layout.MeasuredWidth;
import io.tidemark.generation.layout.StepThreads;
import io.tidemark.grammar.GrammarMasks;
import io.tidemark.model.ModelConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * Runs requests with continuous batching in one or several {@link EngineInstance}s. Each instance has its own thread,
 * sequences and KV cache; all of them share the weights. Instances run steps side by side, or one thread runs a joint
 * step of several of them, whichever is faster. Requests wait in one queue, and a sequence stays in its instance. The
 * public methods may be called from any thread.
 */
public final class GenerationEngine implements Engine, AutoCloseable {

    private final LanguageModel model;
    private final ModelConfig config;
    private final EngineLimits limits;
    /** Pool of the first instance, for the size of sequences, which is the same in all of them. */
    private final KvPool pool;

    private final KvBudget budget;
    private final RequestQueue queue;
    private final InstanceGroups groups;
    private final List<EngineInstance> instances = new ArrayList<>();
    private final List<EngineThread> threads = new ArrayList<>();
    private final CompletableFuture<Void> failure = new CompletableFuture<>();

    private GenerationEngine(
            LanguageModel model, EngineLimits limits, EngineLayout layout, GroupWidth width, StepMasks.Source masks) {
        this.model = model;
        this.config = model.config();
        this.limits = limits;
        this.groups = new InstanceGroups(layout.instances(), width);
        this.queue = new RequestQueue(limits, layout.instances(), groups::wake);
        this.budget = new KvBudget(limits.kvBytes(), layout.instances());
        int count = layout.instances();
        int neighbours = layout.hasJointSteps() ? 2 : 1;
        for (int first = 0; first < count; first += neighbours) {
            int end = Math.min(count, first + neighbours);
            KvBlocks blocks = new KvBlocks(model.decoder().kvCache(), budget, end - first);
            for (int i = first; i < end; i++) {
                instances.add(new EngineInstance(model, limits, count, i, queue, blocks, groups));
            }
        }
        List<Decoder> jointDecoders = Stream.generate(() -> model.decoder().shareWeights())
                .limit(count)
                .toList();
        for (EngineInstance instance : instances) {
            threads.add(new EngineThread(
                    layout,
                    instance,
                    instances,
                    groups,
                    new StepThreads(layout),
                    new StepMasks(config.vocabularySize(), masks, limits.maskTimePerStep(), StepMasks.Clocks.system()),
                    jointDecoders,
                    this::failed));
        }
        this.pool = instances.get(0).pool();
    }

    /** Starts an engine with the default layout for the threads of the model's {@link io.tidemark.torch.Torch}. */
    public static GenerationEngine start(LanguageModel model, EngineLimits limits) {
        return start(model, limits, EngineLayout.of(model.decoder(), 0, 0));
    }

    /** Starts an engine and the threads of its instances, which run until the engine is closed. */
    public static GenerationEngine start(LanguageModel model, EngineLimits limits, EngineLayout layout) {
        return start(model, limits, layout, new MeasuredWidth(layout));
    }

    /** @param width chooses how many instances share a step; one of the layout's widths */
    static GenerationEngine start(LanguageModel model, EngineLimits limits, EngineLayout layout, GroupWidth width) {
        return start(model, limits, layout, width, GrammarMasks::advance);
    }

    /** @param masks computes the masks of rows with a grammar */
    static GenerationEngine start(
            LanguageModel model, EngineLimits limits, EngineLayout layout, GroupWidth width, StepMasks.Source masks) {
        GenerationEngine engine = new GenerationEngine(model, limits, layout, width, masks);
        engine.threads.forEach(EngineThread::start);
        return engine;
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
    public void submit(GenerationRequest request, GenerationListener listener) throws RequestRejectedException {
        validate(request.prompt(), request.params());
        queue.add(new SubmittedRequest(request, listener, System.nanoTime()));
    }

    /**
     * Queues a request whose caller needs the outcome only.
     *
     * @return completed on the thread of an instance, always normally
     * @throws RequestRejectedException if the request can never run
     * @throws IllegalStateException if the engine is closed
     */
    public CompletableFuture<Outcome> submit(GenerationRequest request) throws RequestRejectedException {
        CompletableFuture<Outcome> outcome = new CompletableFuture<>();
        submit(request, outcome::complete);
        return outcome;
    }

    @Override
    public void cancel(String requestId, FinishReason reason) {
        Predicate<SubmittedRequest> which = request -> request.request().id().equals(requestId);
        queue.cancel(which, reason).forEach(request -> request.endBeforeStart(reason));
        instances.forEach(instance -> instance.cancel(which, reason));
    }

    @Override
    public List<RunningStep> runningSteps() {
        return threads.stream().flatMap(thread -> thread.runningStep().stream()).toList();
    }

    @Override
    public OptionalDouble secondsLeft(String requestId) {
        return instances.stream()
                .flatMapToDouble(instance -> instance.secondsLeft(requestId).stream())
                .max();
    }

    /**
     * Runs a background task in turns of the instance with the lowest load, one slice after each step. The instance
     * counts as more loaded while it has background tasks.
     *
     * @throws IllegalStateException if the engine is closed
     */
    public void runInBackground(BackgroundTask task) {
        instances.get(queue.startBackground()).runInBackground(task);
    }

    @Override
    public long tokensProcessed() {
        return stats().tokens();
    }

    @Override
    public boolean isSaturated() {
        return queue.isSaturated();
    }

    @Override
    public double tokensLeft(double completionTokens) {
        return queue.tokensLeft(completionTokens)
                + instances.stream()
                        .mapToDouble(instance -> instance.tokensLeft(completionTokens))
                        .sum();
    }

    @Override
    public EngineStats stats() {
        return EngineStats.of(
                queue.size(),
                queue.runningSequences(),
                budget.reserved(),
                instances.stream().map(EngineInstance::stats).toList());
    }

    /** Whether further steps with the adapters of the last ones leave the packed groups unchanged. */
    public boolean isStable() {
        return instances.stream().allMatch(EngineInstance::isStable)
                && threads.stream().allMatch(EngineThread::isStable);
    }

    /**
     * Lets the running steps end, and starts no others until {@link #resume}. Requests can be submitted meanwhile.
     * Those that are cancelled end after the pause. Called by one thread, in turn with {@link #resume}. Not for
     * callbacks of the engine, whose step would not end.
     *
     * @return {@link System#nanoTime} when the instances that have work ended their last steps, on average; the present
     *     time if none of them has had a step since the last pause
     */
    public long pause() {
        return groups.pause();
    }

    /** Ends a pause. */
    public void resume() {
        groups.resume();
    }

    /** Whether the threads of all instances run: the engine was not closed and no instance has failed. */
    public boolean isAlive() {
        return threads.stream().allMatch(EngineThread::isAlive);
    }

    /** Whether the threads of all instances have ended. */
    public boolean hasEnded() {
        return threads.stream().noneMatch(EngineThread::isAlive);
    }

    /**
     * Completed when an error ends the thread of an instance: on that thread, before the engine rejects new requests
     * and fails all others.
     */
    public CompletionStage<Void> failure() {
        return failure.minimalCompletionStage();
    }

    /**
     * Ends queued and running requests as cancelled, waits for the threads and frees the KV caches. An interrupt does
     * not end the wait, because a running step uses the model; the interrupt status is set again at the end.
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
     * The same, but waits for each instance at most this long, and until an interrupt.
     *
     * @return false if an instance has not ended: its step uses the model
     */
    public boolean close(Duration timeout) {
        instances.forEach(EngineInstance::closeCommands);
        groups.close();
        return threads.stream().allMatch(thread -> thread.join(timeout));
    }

    /**
     * On the thread of the failed instance: ends the other threads and fails all requests. Synchronized, so that a
     * second failing instance waits until the dependents of {@link #failure} have run.
     */
    private synchronized void failed() {
        failure.complete(null);
        threads.forEach(EngineThread::abort);
        instances.forEach(EngineInstance::closeCommands);
        groups.close();
        queue.close().forEach(EngineInstance::fail);
    }
}
