package io.tidemark.client;

/** Hears what comes back while requests run. Called on the thread that asked. */
@FunctionalInterface
public interface AnswerListener {

    /** For those who only want the answers that {@link RequestClient#ask} returns. */
    AnswerListener SILENT = answer -> {};

    /** A piece of a choice's text; pieces come in order and belong to the latest attempt. */
    default void onText(String id, int choice, String piece) {}

    /** A later attempt at the request began: what was said of it so far no longer counts. */
    default void onRestart(String id) {}

    /** The request's one result. */
    void onAnswer(Answer answer);
}
