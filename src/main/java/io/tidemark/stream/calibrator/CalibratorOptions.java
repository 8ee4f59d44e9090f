package io.tidemark.stream.calibrator;

import io.tidemark.calibration.CalibrationPolicy;
import io.tidemark.calibration.SweepLimits;

/**
 * How a calibrator works.
 *
 * @param group           the consumer group that shares the batches
 * @param transactionalId names this process's transactions, another one for each process
 * @param policy          how a boundary is decided
 * @param sweep           how much a sweep holds at once
 */
public record CalibratorOptions(String group, String transactionalId, CalibrationPolicy policy, SweepLimits sweep) {}
