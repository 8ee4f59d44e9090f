package io.tidemark.calibration;

/**
 * How boundaries are moved.
 *
 * @param minSamples fewer examples than this leave a boundary where it is; 2 or more, as one has no standard error
 */
public record CalibrationPolicy(Objective objective, int minSamples) {

    public CalibrationPolicy {
        if (minSamples < 2) {
            throw new IllegalArgumentException("min-samples must be 2 or more: " + minSamples);
        }
    }
}
