package io.tidemark.stream.calibrator;

import io.tidemark.calibration.rule.RuleDecision;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.UncountedExamples;

/** Receives the progress and the outcome of batches, on the calibrator's thread. Methods must not block or throw. */
public interface CalibrationListener {

    /** @param progress the part of the sweep that is done, 0 to 1 */
    void onProgress(String adapter, String batchId, double progress);

    /**
     * A batch was counted, and its transaction is committed.
     *
     * @param examples     counted examples
     * @param uncounted    examples that add nothing
     * @param sweepSeconds the duration of the sweep, 0 without one
     */
    void onCounted(String adapter, int examples, UncountedExamples uncounted, double sweepSeconds);

    /** A decision was made, and its transaction is committed. Follows {@link #onCounted} for each part of a batch. */
    void onDecision(String adapter, RuleDecision decision);

    /** Another calibrator has other settings, or has begun an epoch with other settings or in the other mode. */
    void onConflict(String adapter);

    /** A batch was rejected, and its dead letter is committed. */
    void onRejected(ErrorBody error);
}
