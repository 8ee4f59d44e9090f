package io.tidemark.calibration.rule;

/** What {@link BoundaryRule} prefers among the boundaries that the examples certify. */
public sealed interface Objective {

    /**
     * How much worse than the best eligible boundary the chosen one may be, in nats per gold token. The smallest
     * boundary within this loss is chosen.
     *
     * @param margin the margin of the rule
     */
    double acceptedLoss(double margin);

    /** The margin of the rule, whose setting is {@code configured}. */
    default double margin(double configured) {
        return configured;
    }

    /** The written form, which {@link #parse} reads, such as {@code balanced} or {@code tolerance:0.02}. */
    String written();

    /** The boundary with the highest mean. */
    record Quality() implements Objective {

        @Override
        public double acceptedLoss(double margin) {
            return 0;
        }

        @Override
        public String written() {
            return "quality";
        }
    }

    /** The smallest boundary within the margin of the best. */
    record Balanced() implements Objective {

        @Override
        public double acceptedLoss(double margin) {
            return margin;
        }

        @Override
        public String written() {
            return "balanced";
        }
    }

    /** The smallest boundary. */
    record Latency() implements Objective {

        @Override
        public double acceptedLoss(double margin) {
            return Double.POSITIVE_INFINITY;
        }

        @Override
        public String written() {
            return "latency";
        }
    }

    /**
     * The smallest boundary, certified with a margin of its own.
     *
     * @param nats the margin in nats per gold token, 0 or more
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
        public double acceptedLoss(double margin) {
            return Double.POSITIVE_INFINITY;
        }

        @Override
        public double margin(double configured) {
            return nats;
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
