package io.tidemark.stream.calibrator;

import io.tidemark.calibration.sweep.SweepRun;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/**
 * Runs sweeps on the thread of a generation engine, one slice between two steps, for a process that also generates.
 * Short slices bound the delay of running sequences.
 */
public final class EngineSweepExecutor implements SweepExecutor {

    private static final Duration POLL = Duration.ofMillis(20);

    private final GenerationEngine engine;
    private final Time time;

    /** @param time waits for the engine */
    public EngineSweepExecutor(GenerationEngine engine, Time time) {
        this.engine = engine;
        this.time = time;
    }

    /** {@inheritDoc} If the engine fails, the sweep is abandoned: the failure is not caused by the batch. */
    @Override
    public double[][] run(SweepRun sweep, Heartbeat heartbeat) throws SweepAbandonedException {
        CompletableFuture<double[][]> scores = new CompletableFuture<>();
        CompletableFuture<Void> closed = new CompletableFuture<>();
        submit(sweep, scores, closed);
        try {
            while (!scores.isDone()) {
                if (!engine.isAlive() || Thread.currentThread().isInterrupted() || !heartbeat.beat(sweep.progress())) {
                    throw new SweepAbandonedException();
                }
                time.sleep(POLL);
            }
            return scores.join();
        } finally {
            // stops the sweep, also if the heartbeat has thrown; no effect after completion
            scores.cancel(false);
            await(closed);
        }
    }

    private void submit(SweepRun sweep, CompletableFuture<double[][]> scores, CompletableFuture<Void> closed)
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
        while (!closed.isDone() && engine.isAlive()) {
            time.sleep(POLL);
        }
    }

    /** Runs on the engine's thread. The sweep is closed there too, since only one thread may use it. */
    private static boolean runSlice(
            SweepRun sweep, CompletableFuture<double[][]> scores, CompletableFuture<Void> closed) {
        try {
            if (!scores.isCancelled() && sweep.runSlice()) {
                return true;
            }
            if (!scores.isCancelled()) {
                scores.complete(sweep.means());
            }
        } catch (RuntimeException e) {
            scores.completeExceptionally(e);
        }
        sweep.close();
        closed.complete(null);
        return false;
    }
}
