package io.tidemark.benchmark;

import io.tidemark.generation.Outcome;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.IntFunction;

/**
 * Work between steps that takes the time from one step to the next, in turns without and with a prompt. Belongs to the
 * engine's thread, but for {@link #measured}.
 */
final class StepTimes {

    private final CompletableFuture<Interference> measured = new CompletableFuture<>();
    private final List<Double> alone = new ArrayList<>();
    private final List<Double> beside = new ArrayList<>();
    private final List<Double> promptMillis = new ArrayList<>();
    private final int stepsAlone;
    private final IntFunction<CompletableFuture<Outcome>> submitPrompt;
    private int promptsLeft;
    private int stepsLeft;
    private boolean warm;
    private boolean prompting;
    private CompletableFuture<Outcome> prompt = new CompletableFuture<>();
    private long promptNanos;
    private long lastNanos;

    /** @param submitPrompt hands a prompt to the engine; its argument is how many are left */
    StepTimes(int warmUp, int stepsAlone, int prompts, IntFunction<CompletableFuture<Outcome>> submitPrompt) {
        this.stepsLeft = warmUp;
        this.stepsAlone = stepsAlone;
        this.promptsLeft = prompts;
        this.submitPrompt = submitPrompt;
    }

    /** Waits for the last turn. */
    Interference measured() {
        return measured.join();
    }

    /** A row that should run all the time has ended: too early, unless all is measured. */
    void rowEnded() {
        measured.completeExceptionally(new IllegalStateException("a row ended early"));
    }

    /** Returns whether there is more to measure. */
    boolean afterStep() {
        long now = System.nanoTime();
        double millis = (now - lastNanos) / 1e6;
        lastNanos = now;
        try {
            if (prompting) {
                beside.add(millis);
                if (prompt.isDone()) {
                    promptMillis.add((now - promptNanos) / 1e6);
                    prompting = false;
                    stepsLeft = stepsAlone;
                }
            } else {
                takeAlone(millis, now);
            }
        } catch (CompletionException e) {
            measured.completeExceptionally(e);
        }
        if (promptsLeft == 0 && !prompting) {
            measured.complete(new Interference(alone, beside, promptMillis));
        }
        return !measured.isDone();
    }

    private void takeAlone(double millis, long now) {
        if (warm) {
            alone.add(millis);
        }
        if (--stepsLeft > 0) {
            return;
        }
        if (!warm) {
            warm = true;
            stepsLeft = stepsAlone;
            return;
        }
        promptsLeft--;
        prompt = submitPrompt.apply(promptsLeft);
        promptNanos = now;
        prompting = true;
    }
}
