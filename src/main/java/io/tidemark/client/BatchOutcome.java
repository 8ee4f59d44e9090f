package io.tidemark.client;

import io.tidemark.message.RawValidationBatch;

/** What the calibrators did with a validation batch. Its state and boundary are readable by then. */
public sealed interface BatchOutcome {

    /** The batch, as it was sent. */
    RawValidationBatch batch();

    /** The batch was scored. */
    record Counted(RawValidationBatch batch) implements BatchOutcome {}

    /**
     * The batch became a dead letter.
     *
     * @param code    the code of the error
     * @param message what is wrong with the batch
     */
    record Rejected(RawValidationBatch batch, String code, String message) implements BatchOutcome {}
}
