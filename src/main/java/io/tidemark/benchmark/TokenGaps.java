package io.tidemark.benchmark;

import io.tidemark.generation.FinishReason;
import io.tidemark.generation.GenerationListener;
import io.tidemark.generation.Outcome;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** The times between two pieces of text of one row, in seconds. */
final class TokenGaps implements GenerationListener {

    private final CompletableFuture<List<Double>> gaps = new CompletableFuture<>();
    private final List<Double> heard = new ArrayList<>();
    private long last;

    @Override
    public void onText(int choice, String piece) {
        long now = System.nanoTime();
        if (last != 0) {
            heard.add((now - last) / 1e9);
        }
        last = now;
    }

    @Override
    public void onChoiceFinished(int choice, FinishReason reason) {
        // one choice: the outcome follows
    }

    @Override
    public void onFinished(Outcome outcome) {
        gaps.complete(List.copyOf(heard));
    }

    /** Waits for the row's end. */
    List<Double> await() {
        return gaps.join();
    }
}
