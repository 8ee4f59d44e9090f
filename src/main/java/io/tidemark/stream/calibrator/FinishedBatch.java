package io.tidemark.stream.calibrator;

import io.tidemark.message.ErrorBody;
import io.tidemark.message.UncountedExamples;
import io.tidemark.stream.calibrator.DecisionRecords.DecidedBatch;
import java.util.List;
import org.apache.kafka.clients.producer.ProducerRecord;

/** The end of a validation batch. It is committed together with the offset behind the batch. */
sealed interface FinishedBatch {

    /**
     * The batch was scored and is counted.
     *
     * @param records   the state that includes the batch, tombstones of states of older versions, the boundary if it
     *                  is published, and decisions
     * @param decided   the decisions after the batch
     * @param examples  the number of counted examples
     * @param uncounted the examples that add nothing
     * @param seconds   the duration of the sweeps, 0 without one
     */
    record Scored(
            List<ProducerRecord<byte[], byte[]>> records,
            DecidedBatch decided,
            int examples,
            UncountedExamples uncounted,
            double seconds)
            implements FinishedBatch {}

    /** The batch cannot be scored, or its id has been used before. It becomes a dead letter and changes nothing. */
    record RejectedBatch(ErrorBody error) implements FinishedBatch {}
}
