package io.tidemark.stream.calibrator;

import io.tidemark.calibration.sweep.SweepRun;

/** Runs sweeps: on threads of their own, or between the steps of a generation engine. */
public interface SweepExecutor {

    /** Polls the consumer while a batch is handled; may release the batch. False if the batch must be abandoned. */
    interface Heartbeat {

        /** @param progress the part of the sweep that is done, 0 to 1 */
        boolean beat(double progress);
    }

    /**
     * Runs a sweep to its end and closes it. After this method has returned or thrown, no thread uses the adapter of
     * the sweep.
     *
     * @param heartbeat called on the calling thread at least every 100 ms; false ends the sweep
     * @return the scores {@code [examples][boundaries]}; may be infinite or not a number
     * @throws SweepAbandonedException if the sweep was ended
     */
    double[][] run(SweepRun sweep, Heartbeat heartbeat) throws SweepAbandonedException;

    /** Runs sweeps on threads of their own, for a process that does not generate. */
    static SweepExecutor onOwnThreads() {
        return (sweep, heartbeat) -> {
            try (sweep) {
                if (!sweep.run(heartbeat::beat)) {
                    throw new SweepAbandonedException();
                }
                return sweep.means();
            }
        };
    }
}
