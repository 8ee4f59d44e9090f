package io.tidemark.stream.calibrator;

import io.tidemark.message.ErrorBody;

/** Hears how calibration goes. Called on the calibrator's thread; must return soon and not throw. */
public interface CalibrationListener {

    /** @param progress of the sweep, 0 to 1 */
    void onProgress(String adapter, String batchId, double progress);

    /** A batch was counted, and its transaction is committed. */
    void onOutcome(CalibrationOutcome outcome);

    /** A batch could not be used and is a dead letter now. */
    void onRefused(ErrorBody error);
}
