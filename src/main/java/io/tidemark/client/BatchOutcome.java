package io.tidemark.client;

import io.tidemark.message.RawValidationBatch;
import java.util.OptionalInt;

/** What the calibrators did with a validation batch. Its state and boundary are readable by then. */
public sealed interface BatchOutcome {

    /** The batch, as it was sent. */
    RawValidationBatch batch();

    /**
     * The batch was counted.
     *
     * @param repeats how many of its examples add nothing: the epoch of the adapter had counted them before, or they
     *                are in the batch more than once. Empty if it is unknown, because {@code calibration-state} could
     *                not be read, such as without the right
     */
    record Counted(RawValidationBatch batch, OptionalInt repeats) implements BatchOutcome {}

    /**
     * The batch became a dead letter.
     *
     * @param code    the code of the error
     * @param message what is wrong with the batch
     */
    record Rejected(RawValidationBatch batch, String code, String message) implements BatchOutcome {}
}
