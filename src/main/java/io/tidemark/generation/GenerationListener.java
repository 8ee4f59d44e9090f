package io.tidemark.generation;

/**
 * Receives the output of one request. All calls come in order, on the thread of the engine, or on the one that cancels
 * a queued request; one at a time. A callback must return at once, because it delays all sequences. Exceptions of the
 * first two methods are logged and otherwise ignored.
 */
@FunctionalInterface
public interface GenerationListener {

    /**
     * Receives the next chunk of text of a choice. A chunk contains whole characters only; the chunks of a choice
     * are together its text.
     */
    default void onText(int choice, String chunk) {}

    /** Receives the reason why a choice has ended. No more text of it follows. */
    default void onChoiceFinished(int choice, FinishReason reason) {}

    /**
     * Receives the outcome, in the last call for the request. If it throws an exception, it gets a failure with code
     * {@code internal_error} in another call; a second exception ends the engine.
     */
    void onFinished(Outcome outcome);
}
