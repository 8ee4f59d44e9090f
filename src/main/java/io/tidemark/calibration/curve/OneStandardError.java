package io.tidemark.calibration.curve;

import io.tidemark.boundary.Boundary;

/**
 * The one-standard-error rule (Breiman et al. 1984): the smallest boundary within one standard error of the best. The
 * standard error is that of paired differences: both boundaries are scored on the same examples, so the variance that
 * the examples share cancels out. The rule is for one set of examples; it has no guarantee if it is applied after every
 * batch, so the calibrator does not use it.
 */
public final class OneStandardError {

    private OneStandardError() {}

    /** The choice for a curve. With a single example there is no standard error, and the best boundary is chosen. */
    public static Boundary choose(BoundaryCurve curve) {
        Boundary best = curve.best();
        if (curve.samples() < 2) {
            return best;
        }
        return curve.smallest(
                boundary -> curve.loss(boundary, best) <= curve.standardError(boundary, best) + BoundaryCurve.TIE_NATS);
    }
}
