package io.tidemark.generation;

import java.util.concurrent.CompletableFuture;

/** Listens for a request's outcome only, which has the whole text. */
record UntilTheEnd(CompletableFuture<Outcome> outcome) implements GenerationListener {

    @Override
    public void onText(int choice, String piece) {
        // the outcome has all pieces
    }

    @Override
    public void onChoiceFinished(int choice, FinishReason reason) {
        // the outcome says it again
    }

    @Override
    public void onFinished(Outcome finished) {
        outcome.complete(finished);
    }
}
