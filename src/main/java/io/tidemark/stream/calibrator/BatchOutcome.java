package io.tidemark.stream.calibrator;

import io.tidemark.calibration.CalibrationState;
import io.tidemark.message.ErrorBody;
import io.tidemark.stream.calibrator.DecisionRecords.Decided;
import java.util.Optional;

/** The end of a validation batch. It is committed together with the offset behind the batch. */
sealed interface BatchOutcome {

    /**
     * The batch was scored and is counted.
     *
     * @param state    includes the batch
     * @param replaced the key of another state that {@code state} includes; it gets a tombstone
     * @param decided  the decisions after the batch
     * @param examples the number of counted examples
     * @param repeats  the number of examples that were counted before
     * @param seconds  the duration of the sweep, 0 without one
     */
    record Scored(
            CalibrationState state,
            Optional<String> replaced,
            Decided decided,
            int examples,
            int repeats,
            double seconds)
            implements BatchOutcome {}

    /** The batch cannot be scored, or its id has been used before. It becomes a dead letter and changes nothing. */
    record Rejected(ErrorBody error) implements BatchOutcome {}
}
