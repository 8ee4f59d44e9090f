package io.tidemark.calibration.curve;

import io.tidemark.boundary.Boundary;

/** The rule that chooses a boundary from a curve. Every objective may choose full LoRA. */
public sealed interface Objective {

    /** Chooses the boundary for a curve. A pure function. */
    Boundary choose(BoundaryCurve curve);

    /** The written form, which {@link #parse} reads, such as {@code balanced} or {@code tolerance:0.02}. */
    String written();

    /** The boundary at the maximum of the curve; the smallest if several tie. */
    record Quality() implements Objective {

        @Override
        public Boundary choose(BoundaryCurve curve) {
            return curve.best();
        }

        @Override
        public String written() {
            return "quality";
        }
    }

    /**
     * The smallest boundary within one standard error of the best (Breiman et al. 1984, the 1-SE rule). The standard
     * error is that of paired differences: both boundaries are scored on the same examples, so the variance that the
     * examples share cancels out. With a single example there is no standard error, and the best boundary is chosen.
     */
    record Balanced() implements Objective {

        @Override
        public Boundary choose(BoundaryCurve curve) {
            Boundary best = curve.best();
            if (curve.samples() < 2) {
                return best;
            }
            return curve.smallest(boundary ->
                    curve.loss(boundary, best) <= curve.standardError(boundary, best) + BoundaryCurve.TIE_NATS);
        }

        @Override
        public String written() {
            return "balanced";
        }
    }

    /** The smallest boundary that is not worse than full LoRA. */
    record Latency() implements Objective {

        @Override
        public Boundary choose(BoundaryCurve curve) {
            return curve.smallest(boundary -> curve.loss(boundary, curve.full()) <= BoundaryCurve.TIE_NATS);
        }

        @Override
        public String written() {
            return "latency";
        }
    }

    /**
     * The smallest boundary whose loss against full LoRA is at most {@code nats} at the upper end of the 95% confidence
     * interval of the loss (Student's t on the paired differences). Few or scattered examples therefore keep more
     * layers.
     *
     * @param nats the accepted loss in nats per gold token, 0 or more
     */
    record Tolerance(double nats) implements Objective {

        private static final String PREFIX = "tolerance:";

        public Tolerance {
            if (!(nats >= 0) || Double.isInfinite(nats)) {
                throw new IllegalArgumentException("tolerance must be 0 nats or more: " + nats);
            }
        }

        private static Tolerance parse(String written) {
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
            return curve.smallest(boundary ->
                    curve.loss(boundary, curve.full()) + quantile * curve.standardError(boundary, curve.full())
                            <= nats + BoundaryCurve.TIE_NATS);
        }

        @Override
        public String written() {
            return PREFIX + nats;
        }
    }

    /**
     * Parses {@code quality}, {@code balanced}, {@code latency} or {@code tolerance:NATS}.
     *
     * @throws IllegalArgumentException if the text is none of these; the message lists them
     */
    static Objective parse(String text) {
        String written = text.strip();
        if (written.startsWith(Tolerance.PREFIX)) {
            return Tolerance.parse(written);
        }
        return switch (written) {
            case "quality" -> new Quality();
            case "balanced" -> new Balanced();
            case "latency" -> new Latency();
            default ->
                throw new IllegalArgumentException("unknown objective '" + text
                        + "'; use quality, balanced, latency or tolerance:NATS, such as tolerance:0.02");
        };
    }
}
