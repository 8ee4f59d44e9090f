package io.tidemark.stream.calibrator;

import io.tidemark.calibration.ExampleScore;
import io.tidemark.calibration.SweepRun;
import io.tidemark.generation.GenerationEngine;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.DoublePredicate;

/** In a process that generates too, the engine runs one slice between two steps, so that rows don't wait long. */
public final class BetweenStepsPace implements SweepPace {

    private static final long ASK_EVERY_MS = 100;

    private final GenerationEngine engine;

    public BetweenStepsPace(GenerationEngine engine) {
        this.engine = engine;
    }

    @Override
    public List<ExampleScore> run(SweepRun sweep, DoublePredicate goOn) throws SweepAbandoned {
        CompletableFuture<List<ExampleScore>> scores = new CompletableFuture<>();
        CompletableFuture<Void> freed = new CompletableFuture<>();
        begin(sweep, scores, freed);
        try {
            // an engine that has died scores nothing, and the batch is no worse for it: another process will
            while (engine.isAlive() && goOn.test(sweep.progress())) {
                try {
                    return scores.get(ASK_EVERY_MS, TimeUnit.MILLISECONDS);
                } catch (TimeoutException e) {
                    // not yet; ask whether to go on
                }
            }
        } catch (ExecutionException e) {
            throw new CompletionException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            // also when asking has failed: nobody waits for the scores any more (no matter once they are there)
            scores.cancel(false);
            waitFor(freed);
        }
        throw new SweepAbandoned();
    }

    private void begin(SweepRun sweep, CompletableFuture<List<ExampleScore>> scores, CompletableFuture<Void> freed)
            throws SweepAbandoned {
        try {
            engine.runInBackground(() -> slice(sweep, scores, freed));
        } catch (IllegalStateException closed) {
            sweep.close();
            throw new SweepAbandoned();
        }
    }

    /** The adapter of an abandoned sweep may go only when the slice that is under way has ended. */
    private void waitFor(CompletableFuture<Void> freed) {
        while (!freed.isDone() && !engine.hasEnded()) {
            try {
                freed.get(ASK_EVERY_MS, TimeUnit.MILLISECONDS);
            } catch (TimeoutException e) {
                // not yet; the engine may have died meanwhile
            } catch (ExecutionException | InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    /** On the engine's thread: a sweep belongs to the thread that runs it, so it is freed here too. */
    private static boolean slice(
            SweepRun sweep, CompletableFuture<List<ExampleScore>> scores, CompletableFuture<Void> freed) {
        try {
            if (!scores.isCancelled() && sweep.runSlice()) {
                return true;
            }
            if (!scores.isCancelled()) {
                scores.complete(sweep.scores());
            }
        } catch (RuntimeException e) {
            scores.completeExceptionally(e);
        }
        sweep.close();
        freed.complete(null);
        return false;
    }
}
