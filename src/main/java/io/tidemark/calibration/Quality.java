package io.tidemark.calibration;

import io.tidemark.boundary.Boundary;

/** The boundary at the top of the curve; the smallest where several tie. */
public record Quality() implements Objective {

    @Override
    public Boundary choose(BoundaryCurve curve) {
        return curve.best();
    }

    @Override
    public String written() {
        return "quality";
    }
}
