package io.tidemark.generation;

import io.tidemark.generation.Outcome.Failure;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Records all calls, and can run an action at the first text or at the end. */
final class RecordingListener implements GenerationListener {

    private final CompletableFuture<Outcome> outcome = new CompletableFuture<>();
    private final Map<Integer, StringBuilder> texts = new TreeMap<>();
    private final List<String> calls = new ArrayList<>();
    private final Runnable onFirstText;
    private final Runnable onFinished;

    private RecordingListener(Runnable onFirstText, Runnable onFinished) {
        this.onFirstText = onFirstText;
        this.onFinished = onFinished;
    }

    static RecordingListener plain() {
        return new RecordingListener(() -> {}, () -> {});
    }

    /** Runs an action on the engine's thread at the first text. */
    static RecordingListener onFirstText(Runnable action) {
        return new RecordingListener(action, () -> {});
    }

    /** Runs an action on the engine's thread when the request ends. */
    static RecordingListener onFinished(Runnable action) {
        return new RecordingListener(() -> {}, action);
    }

    RecordingListener andOnFinished(Runnable action) {
        return new RecordingListener(onFirstText, action);
    }

    @Override
    public void onText(int choice, String chunk) {
        boolean first = texts.isEmpty();
        texts.computeIfAbsent(choice, c -> new StringBuilder()).append(chunk);
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

    /** The concatenated chunks of a choice; read after the request has ended. */
    String text(int choice) {
        return texts.getOrDefault(choice, new StringBuilder()).toString();
    }

    /** Index and finish reason of each finished choice, in order. */
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

    Completion.GeneratedChoice choice() {
        return completion().choices().get(0);
    }

    Failure failure() {
        return (Failure) outcome();
    }
}
