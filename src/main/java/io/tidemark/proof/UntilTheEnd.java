package io.tidemark.proof;

import io.tidemark.generation.FinishReason;
import io.tidemark.generation.GenerationListener;
import io.tidemark.generation.Outcome;
import java.util.concurrent.CompletableFuture;

/** Listens for a request's outcome only. */
record UntilTheEnd(CompletableFuture<Outcome> outcome) implements GenerationListener {

    @Override
    public void onText(int choice, String piece) {
        // what the text is does not matter here
    }

    @Override
    public void onChoiceFinished(int choice, FinishReason reason) {
        // the request's end says it
    }

    @Override
    public void onFinished(Outcome ended) {
        outcome.complete(ended);
    }
}
