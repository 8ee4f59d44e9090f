package io.tidemark.stream.calibrator;

import io.tidemark.calibration.Decision;
import io.tidemark.message.ErrorBody;

/** Receives the progress and the outcome of batches, on the calibrator's thread. Methods must not block or throw. */
public interface CalibrationListener {

    /** @param progress of the sweep, 0 to 1 */
    void onProgress(String adapter, String batchId, double progress);

    /**
     * A batch was scored, and its transaction is committed.
     *
     * @param sweepSeconds the duration of the sweep
     */
    void onDecision(String adapter, Decision decision, double sweepSeconds);

    /** A batch was rejected, and its dead letter is committed. */
    void onRejected(ErrorBody error);
}
