package io.tidemark.stream.calibrator;

import io.tidemark.calibration.Decision;

/**
 * What a batch came to.
 *
 * @param seconds that this batch's sweep took
 */
public record CalibrationOutcome(String adapter, Decision decision, double seconds) {}
