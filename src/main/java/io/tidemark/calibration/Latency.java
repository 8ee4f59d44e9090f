package io.tidemark.calibration;

import io.tidemark.boundary.Boundary;

/** The smallest boundary that is not worse than full LoRA. */
public record Latency() implements Objective {

    @Override
    public Boundary choose(BoundaryCurve curve) {
        return curve.smallest(boundary -> curve.loss(boundary, curve.full()) <= BoundaryCurve.TIE_NATS);
    }

    @Override
    public String written() {
        return "latency";
    }
}
