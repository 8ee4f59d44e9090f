package io.tidemark.client;

import io.tidemark.message.RawValidationBatch;
import io.tidemark.message.UncountedExamples;
import java.util.Optional;

/** What the calibrators did with a validation batch. Its state and boundary are readable by then. */
public sealed interface BatchOutcome {

    /** The batch, as it was sent. */
    RawValidationBatch batch();

    /**
     * The batch was counted.
     *
     * @param uncounted the examples that add nothing; empty if they are unknown, because {@code calibration-state}
     *                  could not be read, such as without the right
     */
    record Counted(RawValidationBatch batch, Optional<UncountedExamples> uncounted) implements BatchOutcome {}

    /**
     * The batch became a dead letter.
     *
     * @param code    the code of the error
     * @param message what is wrong with the batch
     */
    record Rejected(RawValidationBatch batch, String code, String message) implements BatchOutcome {}
}
