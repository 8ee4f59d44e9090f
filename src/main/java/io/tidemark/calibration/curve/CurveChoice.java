package io.tidemark.calibration.curve;

import io.tidemark.boundary.Boundary;
import java.util.Locale;
import java.util.function.Function;

/** The choices that the offline commands make from the curve of one set of examples. Each may be full LoRA. */
public enum CurveChoice {
    /** The boundary at the maximum of the curve; the smallest if several tie. */
    BEST(BoundaryCurve::best),
    /** The rule of {@link OneStandardError}. */
    ONE_STANDARD_ERROR(OneStandardError::choose),
    /** The smallest boundary whose mean is not below that of full LoRA. */
    NO_WORSE_THAN_FULL(
            curve -> curve.smallest(boundary -> curve.loss(boundary, curve.full()) <= BoundaryCurve.TIE_NATS));

    private final Function<BoundaryCurve, Boundary> rule;

    CurveChoice(Function<BoundaryCurve, Boundary> rule) {
        this.rule = rule;
    }

    /** The boundary for a curve. A pure function. */
    public Boundary of(BoundaryCurve curve) {
        return rule.apply(curve);
    }

    /** The name in options and output, such as {@code one_standard_error}. */
    public String written() {
        return name().toLowerCase(Locale.ROOT);
    }
}
