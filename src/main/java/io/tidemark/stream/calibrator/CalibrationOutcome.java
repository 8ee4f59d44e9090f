package io.tidemark.stream.calibrator;

import io.tidemark.calibration.Decision;
import java.util.List;

/**
 * What a batch came to.
 *
 * @param curve   mean log-likelihood per gold token in nats at every boundary, over all samples so far
 * @param samples examples behind the curve, of all batches and partitions
 * @param seconds that this batch's sweep took
 */
public record CalibrationOutcome(
        String adapter, String batchId, Decision decision, List<Double> curve, long samples, double seconds) {

    public CalibrationOutcome {
        curve = List.copyOf(curve);
    }
}
