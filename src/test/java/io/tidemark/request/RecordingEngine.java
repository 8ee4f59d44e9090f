package io.tidemark.request;

import io.tidemark.generation.Completion;
import io.tidemark.generation.Engine;
import io.tidemark.generation.Engine.RunningStep;
import io.tidemark.generation.EngineRequest;
import io.tidemark.generation.EngineStats;
import io.tidemark.generation.FinishReason;
import io.tidemark.generation.GenerationListener;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.RequestRejectedException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;

/** An engine that runs nothing and records submissions and cancellations. The test ends its requests. */
public final class RecordingEngine implements Engine {

    private final List<EngineRequest> submitted = new CopyOnWriteArrayList<>();
    private final List<GenerationListener> listeners = new CopyOnWriteArrayList<>();
    private final List<String> cancelledAfterSubmission = new CopyOnWriteArrayList<>();
    private final List<FinishReason> reasons = new CopyOnWriteArrayList<>();
    private volatile Optional<RunningStep> runningStep = Optional.empty();
    private volatile Function<String, OptionalDouble> secondsLeft = engineId -> OptionalDouble.empty();

    public List<EngineRequest> submitted() {
        return submitted;
    }

    /** Of the submitted requests, in their order. */
    public List<GenerationListener> listeners() {
        return listeners;
    }

    /**
     * The sources of the submitted requests, as {@code PARTITION@OFFSET}, in the order of submission. The requests have
     * no id of a client.
     */
    public List<String> sources() {
        return submitted.stream()
                .map(request -> request.id().replaceFirst(".*-(\\d+)-(\\d+)#\\d+", "$1@$2"))
                .toList();
    }

    /**
     * Ends a request with one choice of one token.
     *
     * @param index of the request in the order of submission
     */
    public void finish(int index, String text, FinishReason reason) {
        listeners
                .get(index)
                .onFinished(new Completion(
                        submitted.get(index).id(),
                        List.of(new Completion.GeneratedChoice(0, text, List.of(1), reason, List.of())),
                        new Completion.CompletionUsage(1, 1, 0),
                        new Completion.Timing(1, 1, 2)));
    }

    public List<String> cancelledAfterSubmission() {
        return cancelledAfterSubmission;
    }

    /** Of the cancellations of submitted requests. */
    public List<FinishReason> reasons() {
        return reasons;
    }

    /** @param estimate the seconds until a request ends, by its id in the engine */
    public void estimate(Function<String, OptionalDouble> estimate) {
        secondsLeft = estimate;
    }

    /** What the engine does at the moment, until the next call. */
    public void runs(RunningStep step) {
        runningStep = Optional.of(step);
    }

    /** The engine waits for work. */
    public void waits() {
        runningStep = Optional.empty();
    }

    @Override
    public Optional<RunningStep> runningStep() {
        return runningStep;
    }

    @Override
    public OptionalDouble secondsLeft(String engineId) {
        return secondsLeft.apply(engineId);
    }

    @Override
    public long tokensProcessed() {
        return 0;
    }

    @Override
    public boolean isSaturated() {
        return false;
    }

    @Override
    public double tokensLeft(double completionTokens) {
        return 0;
    }

    @Override
    public EngineStats stats() {
        return new EngineStats(0, 0, 0, EngineStats.Steps.NONE);
    }

    @Override
    public void validate(List<Integer> prompt, GenerationParams params) throws RequestRejectedException {
        if (params.maxTokens() > 1000) {
            throw new RequestRejectedException("context_length_exceeded", "max_tokens", "that is too long");
        }
    }

    @Override
    public void submit(EngineRequest request, GenerationListener listener) {
        listeners.add(listener);
        submitted.add(request);
    }

    @Override
    public void cancel(String engineId, FinishReason reason) {
        if (submitted.stream().anyMatch(request -> request.id().equals(engineId))) {
            reasons.add(reason);
            cancelledAfterSubmission.add(engineId);
        }
    }
}
