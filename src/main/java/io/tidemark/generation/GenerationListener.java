package io.tidemark.generation;

/**
 * Hears of one request. All calls come from the thread of the engine instance that runs it, in order, and must return at once: what
 * they do holds up every row of the instance.
 */
public interface GenerationListener {

    /** A piece of text of one choice; pieces never split a character, and together they are the choice's text. */
    void onText(int choice, String piece);

    /** A choice has ended; no more text of it follows. */
    void onChoiceFinished(int choice, FinishReason reason);

    /** The last call for the request. */
    void onFinished(Outcome outcome);
}
