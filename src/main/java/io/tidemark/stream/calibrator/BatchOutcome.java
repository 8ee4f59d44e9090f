package io.tidemark.stream.calibrator;

import io.tidemark.calibration.CalibrationState;
import io.tidemark.calibration.Decision;
import io.tidemark.message.ErrorBody;
import java.util.Optional;

/** The end of a validation batch. It is committed together with the offset behind the batch. */
sealed interface BatchOutcome {

    /**
     * The batch was scored and is counted.
     *
     * @param batchId  the id of the batch
     * @param state    includes the batch
     * @param replaced the key of another state that {@code state} includes; it gets a tombstone
     * @param seconds  the duration of the sweep
     */
    record Scored(String batchId, CalibrationState state, Optional<String> replaced, Decision decision, double seconds)
            implements BatchOutcome {}

    /** The batch cannot be scored, or its id has been used before. It becomes a dead letter and changes nothing. */
    record Rejected(ErrorBody error) implements BatchOutcome {}
}
