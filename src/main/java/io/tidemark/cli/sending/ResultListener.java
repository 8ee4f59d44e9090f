package io.tidemark.cli.sending;

import io.tidemark.client.RequestResult;

/** Receives events and results while requests run, on the thread that called {@link RequestClient#send}. */
@FunctionalInterface
public interface ResultListener {

    /** Ignores all calls. */
    ResultListener NONE = result -> {};

    /** A chunk of a choice's text. Chunks arrive in order and belong to the latest attempt. */
    default void onText(String id, int choice, String chunk) {}

    /** Another worker runs the request from its beginning; the text of earlier attempts is void. */
    default void onRestart(String id) {}

    /** The result of a request; called once per request. */
    void onResult(RequestResult result);
}
