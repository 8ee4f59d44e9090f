package io.tidemark.calibration;

import io.tidemark.boundary.Boundary;

/**
 * The smallest boundary whose loss against full LoRA is at most a stated price, at the upper end of the loss's 95%
 * interval (Student's t on the paired differences). Few or scattered examples therefore keep more layers.
 *
 * @param nats the price for speed, nats per gold token, 0 or more
 */
public record Tolerance(double nats) implements Objective {

    static final String PREFIX = "tolerance:";

    public Tolerance {
        if (!(nats >= 0) || Double.isInfinite(nats)) {
            throw new IllegalArgumentException("tolerance must be 0 nats or more: " + nats);
        }
    }

    static Tolerance parse(String written) {
        String number = written.substring(PREFIX.length());
        try {
            return new Tolerance(Double.parseDouble(number));
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    "tolerance takes nats per token, such as tolerance:0.02, not '" + number + "'", e);
        }
    }

    @Override
    public Boundary choose(BoundaryCurve curve) {
        double quantile = StudentT.upper975(curve.samples() - 1);
        return curve.smallest(
                boundary -> curve.loss(boundary, curve.full()) + quantile * curve.standardError(boundary, curve.full())
                        <= nats + BoundaryCurve.TIE_NATS);
    }

    @Override
    public String written() {
        return PREFIX + nats;
    }
}
