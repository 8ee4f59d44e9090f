package io.tidemark.generation;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Accepts generation requests and runs them. All methods may be called from any thread and return without waiting for a
 * step.
 *
 * <p>{@link GenerationEngine} is the implementation; code that only submits and cancels requests depends on this
 * interface, so that its tests need no model.
 */
public interface Engine extends EngineLoad {

    /**
     * Checks whether a request can run, before its adapter is loaded: the adapter has no influence on the result.
     *
     * @param prompt token ids, special tokens included
     * @throws RequestRejectedException if a request with this prompt and these parameters can never run
     */
    void validate(List<Integer> prompt, GenerationParams params) throws RequestRejectedException;

    /**
     * Queues a request. The queue is unbounded; the caller limits how much it submits.
     *
     * @param listener called on the thread of the engine, or on the one that cancels a queued request; one at a time
     * @throws RequestRejectedException if the request can never run; the listener is not called then
     * @throws IllegalStateException if the engine is closed
     */
    void submit(EngineRequest request, GenerationListener listener) throws RequestRejectedException;

    /**
     * Ends a queued or running request with the text generated so far. Does nothing if the engine has no request of
     * this id. A queued request ends at once, on the calling thread; a running one after its step.
     *
     * @param reason the finish reason of all its choices that have not finished
     * @throws IllegalStateException if the engine is closed
     */
    void cancel(String requestId, FinishReason reason);

    /**
     * An estimate of the seconds until a running request ends, if no choice ends before {@code max_tokens} and further
     * steps take as long as the recent ones. Remaining prompt tokens count as the steps that they need; steps in which
     * a sequence waits for its mask do not count. Infinite before the first step has ended.
     *
     * @return empty if the request waits in the queue or the engine has no request of this id
     */
    OptionalDouble secondsLeft(String requestId);

    /** What the engine does at the moment; empty while it waits for work. */
    Optional<RunningStep> runningStep();

    /** Counters and load as of the last step; queue and running sequences are current. */
    EngineStats stats();

    /**
     * What the thread of the engine does at the moment: one native step with the Java code around it, or one slice of a
     * background task. Each is a new object, so that an observer sees by its identity whether it is still the same.
     *
     * @param requests ids of the requests in the step, as in {@link EngineRequest#id}; empty between two steps and
     *                 during a background task
     */
    record RunningStep(List<String> requests) {}
}
