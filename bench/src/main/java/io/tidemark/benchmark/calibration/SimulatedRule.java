package io.tidemark.benchmark.calibration;

import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.rule.ScoredBatch;

/** A rule that chooses a boundary after each batch of one stream. */
interface SimulatedRule {

    /**
     * Counts a batch.
     *
     * @param batch  the examples of the batch
     * @param soFar  statistics of all examples of the stream, this batch included, by the place of a boundary
     * @param batches number of batches so far
     */
    void count(ScoredBatch batch, CurveStatistics soFar, int batches);

    /** The place of the boundary in force among the scored boundaries. */
    int place();

    /** The number of withdrawals so far. */
    int withdrawals();
}
