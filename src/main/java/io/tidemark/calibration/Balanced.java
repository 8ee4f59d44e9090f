package io.tidemark.calibration;

import io.tidemark.boundary.Boundary;

/**
 * The smallest boundary within one standard error of the best (Breiman et al. 1984, the 1-SE rule), on paired
 * differences: both boundaries saw the same examples, and what those have in common cancels out.
 */
public record Balanced() implements Objective {

    @Override
    public Boundary choose(BoundaryCurve curve) {
        Boundary best = curve.best();
        if (curve.samples() < 2) {
            // one example says nothing of how far others would lie apart
            return best;
        }
        return curve.smallest(
                boundary -> curve.loss(boundary, best) <= curve.standardError(boundary, best) + BoundaryCurve.TIE_NATS);
    }

    @Override
    public String written() {
        return "balanced";
    }
}
