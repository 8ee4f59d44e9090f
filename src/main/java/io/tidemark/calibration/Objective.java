package io.tidemark.calibration;

import io.tidemark.boundary.Boundary;

/** What an operator wants from a boundary. Each is free to answer "all layers". */
public sealed interface Objective permits Quality, Balanced, Latency, Tolerance {

    /** The boundary for this curve, a pure function of it. */
    Boundary choose(BoundaryCurve curve);

    /** The written form, which {@link #parse} reads: {@code balanced}, {@code tolerance:0.02}. */
    String written();

    /**
     * Reads {@code quality}, {@code balanced}, {@code latency} or {@code tolerance:NATS}.
     *
     * @throws IllegalArgumentException with the choices, when it is none of them
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
                throw new IllegalArgumentException("no objective '" + text
                        + "'; there are quality, balanced, latency and tolerance:NATS, such as tolerance:0.02");
        };
    }
}
