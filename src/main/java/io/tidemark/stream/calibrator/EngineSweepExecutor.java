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

/**
 * Runs sweeps on the thread of a generation engine, one slice between two steps, for a process that also generates.
 * Short slices bound the delay of running sequences.
 */
public final class EngineSweepExecutor implements SweepExecutor {

    private static final long POLL_MS = 100;

    private final GenerationEngine engine;

    public EngineSweepExecutor(GenerationEngine engine) {
        this.engine = engine;
    }

    /** {@inheritDoc} If the engine fails, the sweep is abandoned: the failure is not caused by the batch. */
    @Override
    public List<ExampleScore> run(SweepRun sweep, DoublePredicate shouldContinue) throws SweepAbandonedException {
        CompletableFuture<List<ExampleScore>> scores = new CompletableFuture<>();
        CompletableFuture<Void> closed = new CompletableFuture<>();
        submit(sweep, scores, closed);
        try {
            while (engine.isAlive() && shouldContinue.test(sweep.progress())) {
                try {
                    return scores.get(POLL_MS, TimeUnit.MILLISECONDS);
                } catch (TimeoutException e) {
                    // the sweep still runs
                }
            }
        } catch (ExecutionException e) {
            throw new CompletionException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            // stops the sweep, also if shouldContinue has thrown; no effect after completion
            scores.cancel(false);
            await(closed);
        }
        throw new SweepAbandonedException();
    }

    private void submit(SweepRun sweep, CompletableFuture<List<ExampleScore>> scores, CompletableFuture<Void> closed)
            throws SweepAbandonedException {
        try {
            engine.runInBackground(() -> runSlice(sweep, scores, closed));
        } catch (IllegalStateException engineClosed) {
            sweep.close();
            throw new SweepAbandonedException();
        }
    }

    /** Waits until the engine's thread no longer uses the adapter of the sweep. */
    private void await(CompletableFuture<Void> closed) {
        while (!closed.isDone() && !engine.hasEnded()) {
            try {
                closed.get(POLL_MS, TimeUnit.MILLISECONDS);
            } catch (TimeoutException e) {
                // a slice still runs, or the engine has failed in the meantime
            } catch (ExecutionException | InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    /** Runs on the engine's thread. The sweep is closed there too, since only one thread may use it. */
    private static boolean runSlice(
            SweepRun sweep, CompletableFuture<List<ExampleScore>> scores, CompletableFuture<Void> closed) {
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
        closed.complete(null);
        return false;
    }
}
