package io.tidemark.generation;

import io.tidemark.generation.Completion.CompletionUsage;
import io.tidemark.generation.Completion.GeneratedChoice;
import io.tidemark.generation.Completion.Timing;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.text.LogText;
import io.tidemark.text.StopStrings;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * A request from its submission to its outcome: its listener, its times and its finished choices. Used by one thread at
 * a time, except for {@link #cancel}.
 */
final class SubmittedRequest {

    private static final System.Logger LOG = System.getLogger(SubmittedRequest.class.getName());

    private final EngineRequest request;
    private final GenerationListener listener;
    private final StopStrings stops;
    private final long submittedNanos;
    private final List<GeneratedChoice> finished = new ArrayList<>();
    private long startedNanos;
    private long firstTokenNanos;
    private int cachedTokens;
    private volatile Optional<FinishReason> cancelled = Optional.empty();

    SubmittedRequest(EngineRequest request, GenerationListener listener, long submittedNanos) {
        this.request = request;
        this.listener = listener;
        this.stops = new StopStrings(request.params().stopConditions().stop());
        this.submittedNanos = submittedNanos;
        this.startedNanos = submittedNanos;
    }

    EngineRequest request() {
        return request;
    }

    /** The stop strings, which all choices share. They are prepared by the thread that submits the request. */
    StopStrings stops() {
        return stops;
    }

    /** Marks a request that has not started; the thread to which it is offered ends it. Any thread may call. */
    void cancel(FinishReason reason) {
        cancelled = Optional.of(reason);
    }

    Optional<FinishReason> cancelled() {
        return cancelled;
    }

    /** Records the start: the request has its KV slots and leaves the queue. */
    void started() {
        startedNanos = System.nanoTime();
    }

    /** Sets the number of prompt tokens that came from the prefix cache. */
    void prefixReused(int tokens) {
        cachedTokens = tokens;
    }

    /** Records the time of the first token. The engine calls this for each token. */
    void tokenGenerated() {
        if (firstTokenNanos == 0) {
            firstTokenNanos = System.nanoTime();
        }
    }

    void text(int choice, String chunk) {
        if (!chunk.isEmpty()) {
            callListener(() -> listener.onText(choice, chunk));
        }
    }

    void choiceFinished(GeneratedChoice choice) {
        finished.add(choice);
        callListener(() -> listener.onChoiceFinished(choice.index(), choice.finishReason()));
        if (finished.size() == request.params().choices()) {
            finished.sort(Comparator.comparingInt(GeneratedChoice::index));
            finish(this::completion);
        }
    }

    /** Ends a request that has not started, with empty choices. */
    void endBeforeStart(FinishReason reason) {
        started();
        for (int choice = 0; choice < request.params().choices(); choice++) {
            choiceFinished(new GeneratedChoice(choice, "", List.of(), reason, List.of()));
        }
    }

    void fail(String code, String message) {
        finish(() -> new Failure(request.id(), code, message));
    }

    /**
     * Gives the listener its outcome. If it throws an exception, it gets a failure instead, so that its request does
     * not stay open.
     *
     * @throws IllegalStateException if it throws an exception again, which ends the engine
     */
    private void finish(Supplier<Outcome> outcome) {
        try {
            listener.onFinished(outcome.get());
        } catch (RuntimeException e) {
            LOG.log(
                    System.Logger.Level.ERROR,
                    "the outcome of request '" + LogText.of(request.id()) + "' could not be taken",
                    e);
            try {
                listener.onFinished(
                        new Failure(request.id(), "internal_error", "the worker failed to take the result"));
            } catch (RuntimeException again) {
                throw new IllegalStateException(
                        "no outcome of request '" + LogText.of(request.id()) + "' could be taken", again);
            }
        }
    }

    private Completion completion() {
        long now = System.nanoTime();
        int tokens =
                finished.stream().mapToInt(choice -> choice.tokens().size()).sum();
        double firstToken = firstTokenNanos == 0 ? 0 : millis(startedNanos, firstTokenNanos);
        return new Completion(
                request.id(),
                finished,
                new CompletionUsage(request.prompt().size(), tokens, cachedTokens),
                new Timing(millis(submittedNanos, startedNanos), firstToken, millis(submittedNanos, now)));
    }

    /** An exception of a listener while it takes text must not affect the other sequences of the batch. */
    private void callListener(Runnable call) {
        try {
            call.run();
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.ERROR, "the listener of request '" + LogText.of(request.id()) + "' failed", e);
        }
    }

    private static double millis(long fromNanos, long toNanos) {
        return (toNanos - fromNanos) / 1e6;
    }
}
