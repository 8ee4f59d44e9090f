package io.tidemark.generation;

import io.tidemark.generation.Completion.Choice;
import io.tidemark.generation.Completion.Timing;
import io.tidemark.generation.Completion.Usage;
import io.tidemark.generation.Outcome.Failure;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** A request from its submission to its outcome: its listener, its clock and its finished choices. */
final class RunningRequest {

    private static final System.Logger LOG = System.getLogger(RunningRequest.class.getName());

    private final GenerationRequest request;
    private final GenerationListener listener;
    private final long submittedNanos;
    private final List<Choice> finished = new ArrayList<>();
    private long startedNanos;
    private long firstTokenNanos;
    private int reusedTokens;
    private volatile Optional<FinishReason> cancelled = Optional.empty();

    RunningRequest(GenerationRequest request, GenerationListener listener, long submittedNanos) {
        this.request = request;
        this.listener = listener;
        this.submittedNanos = submittedNanos;
        this.startedNanos = submittedNanos;
    }

    GenerationRequest request() {
        return request;
    }

    /** To be ended before it starts; any thread may call. */
    void cancel(FinishReason reason) {
        cancelled = Optional.of(reason);
    }

    Optional<FinishReason> cancelled() {
        return cancelled;
    }

    /** The request has its slots and leaves the queue. */
    void started() {
        startedNanos = System.nanoTime();
    }

    /** So many tokens of the prompt were taken over from a kept prefix. */
    void reused(int tokens) {
        reusedTokens = tokens;
    }

    /** A step has chosen a token for one of the choices. */
    void tokenChosen() {
        if (firstTokenNanos == 0) {
            firstTokenNanos = System.nanoTime();
        }
    }

    void text(int choice, String piece) {
        if (!piece.isEmpty()) {
            tell(() -> listener.onText(choice, piece));
        }
    }

    void choiceFinished(Choice choice) {
        finished.add(choice);
        tell(() -> listener.onChoiceFinished(choice.index(), choice.finishReason()));
        if (finished.size() == request.params().choices()) {
            finished.sort(Comparator.comparingInt(Choice::index));
            tell(() -> listener.onFinished(completion()));
        }
    }

    /** Ends a request that never ran: all its choices are empty. */
    void endedBeforeStart(FinishReason reason) {
        started();
        for (int choice = 0; choice < request.params().choices(); choice++) {
            choiceFinished(new Choice(choice, "", List.of(), reason, List.of()));
        }
    }

    void failed(String code, String message) {
        tell(() -> listener.onFinished(new Failure(request.id(), code, message)));
    }

    private Completion completion() {
        long now = System.nanoTime();
        int tokens =
                finished.stream().mapToInt(choice -> choice.tokens().size()).sum();
        double firstToken = firstTokenNanos == 0 ? 0 : millis(startedNanos, firstTokenNanos);
        return new Completion(
                request.id(),
                finished,
                new Usage(request.prompt().size(), tokens, reusedTokens),
                new Timing(millis(submittedNanos, startedNanos), firstToken, millis(submittedNanos, now)));
    }

    /** A listener that fails must not take the batch with it. */
    private void tell(Runnable call) {
        try {
            call.run();
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.ERROR, "the listener of request '" + request.id() + "' failed", e);
        }
    }

    private static double millis(long fromNanos, long toNanos) {
        return (toNanos - fromNanos) / 1e6;
    }
}
