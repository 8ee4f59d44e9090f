package io.tidemark.generation;

import io.tidemark.generation.Outcome.Failure;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Writes down what a listener hears, and can act on the first text. */
final class Recording implements GenerationListener {

    private final CompletableFuture<Outcome> outcome = new CompletableFuture<>();
    private final Map<Integer, StringBuilder> texts = new TreeMap<>();
    private final List<String> calls = new ArrayList<>();
    private final Runnable onFirstText;
    private final Runnable onFinished;

    private Recording(Runnable onFirstText, Runnable onFinished) {
        this.onFirstText = onFirstText;
        this.onFinished = onFinished;
    }

    static Recording plain() {
        return new Recording(() -> {}, () -> {});
    }

    /** Runs something on the engine's thread when the first text comes. */
    static Recording onFirstText(Runnable action) {
        return new Recording(action, () -> {});
    }

    /** Runs something on the engine's thread when the request ends. */
    static Recording onFinished(Runnable action) {
        return new Recording(() -> {}, action);
    }

    Recording andOnFinished(Runnable action) {
        return new Recording(onFirstText, action);
    }

    @Override
    public void onText(int choice, String piece) {
        boolean first = texts.isEmpty();
        texts.computeIfAbsent(choice, c -> new StringBuilder()).append(piece);
        if (first) {
            onFirstText.run();
        }
    }

    @Override
    public void onChoiceFinished(int choice, FinishReason reason) {
        calls.add(choice + " " + reason);
    }

    @Override
    public void onFinished(Outcome ended) {
        onFinished.run();
        outcome.complete(ended);
    }

    /** What the pieces of a choice add up to. Read once the request has ended. */
    String pieces(int choice) {
        return texts.getOrDefault(choice, new StringBuilder()).toString();
    }

    /** Each choice that ended, with the reason, in order. */
    List<String> endings() {
        return calls;
    }

    boolean hasEnded() {
        return outcome.isDone();
    }

    Outcome outcome() {
        return outcome.orTimeout(60, TimeUnit.SECONDS).join();
    }

    Completion completion() {
        return (Completion) outcome();
    }

    Completion.Choice choice() {
        return completion().choices().get(0);
    }

    Failure failure() {
        return (Failure) outcome();
    }
}
