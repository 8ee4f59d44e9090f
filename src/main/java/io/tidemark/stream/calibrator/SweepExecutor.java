package io.tidemark.stream.calibrator;

import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.calibration.sweep.SweepRun;
import java.util.List;
import java.util.function.DoublePredicate;

/** Runs sweeps: on threads of their own, or between the steps of a generation engine. */
public interface SweepExecutor {

    /**
     * Runs a sweep to its end and closes it. After this method has returned or thrown, no thread uses the adapter of
     * the sweep.
     *
     * @param shouldContinue called on the calling thread at least every 100 ms with the progress, 0 to 1; false ends
     *                       the sweep
     * @return the scores in the order of the examples
     * @throws SweepAbandonedException if the sweep was ended
     */
    List<ExampleScore> run(SweepRun sweep, DoublePredicate shouldContinue) throws SweepAbandonedException;

    /** Runs sweeps on threads of their own, for a process that does not generate. */
    static SweepExecutor onOwnThreads() {
        return (sweep, shouldContinue) -> {
            try (sweep) {
                if (!sweep.run(shouldContinue)) {
                    throw new SweepAbandonedException();
                }
                return sweep.scores();
            }
        };
    }
}
