package io.tidemark.calibration.rule;

import java.util.Locale;
import java.util.OptionalDouble;

/**
 * What {@link BoundaryRule} prefers among the boundaries that the examples certify.
 *
 * @param preference which of them is chosen
 * @param tolerance  the margin of {@code tolerance:NATS}, in nats per gold token; empty for the margin of the settings
 */
public record Objective(Preference preference, OptionalDouble tolerance) {

    private static final String TOLERANCE = "tolerance:";

    /** Which certified boundary is chosen. */
    public enum Preference {
        /** Prefers the boundary with the highest mean. */
        QUALITY,
        /** Prefers the smallest boundary within the margin of the highest mean. */
        BALANCED,
        /** Prefers the smallest boundary. */
        LATENCY
    }

    /** @throws IllegalArgumentException if the tolerance is negative or not finite */
    public Objective {
        tolerance.ifPresent(nats -> {
            if (!(nats >= 0) || Double.isInfinite(nats)) {
                throw new IllegalArgumentException("tolerance must be 0 nats or more: " + nats);
            }
        });
    }

    /**
     * Parses {@code quality}, {@code balanced}, {@code latency} or {@code tolerance:NATS}.
     *
     * @throws IllegalArgumentException if the text is none of these; the message lists them
     */
    public static Objective parse(String text) {
        String written = text.strip();
        if (written.startsWith(TOLERANCE)) {
            return new Objective(Preference.LATENCY, OptionalDouble.of(nats(written.substring(TOLERANCE.length()))));
        }
        Preference preference =
                switch (written) {
                    case "quality" -> Preference.QUALITY;
                    case "balanced" -> Preference.BALANCED;
                    case "latency" -> Preference.LATENCY;
                    default ->
                        throw new IllegalArgumentException("unknown objective '" + text
                                + "'; use quality, balanced, latency or tolerance:NATS, such as tolerance:0.02");
                };
        return new Objective(preference, OptionalDouble.empty());
    }

    private static double nats(String number) {
        try {
            return Double.parseDouble(number);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    "tolerance takes nats per token, such as tolerance:0.02, not '" + number + "'", e);
        }
    }

    /** How much worse than the best eligible boundary the chosen one may be, if the rule has a margin. */
    public double acceptedLoss(double margin) {
        return switch (preference) {
            case QUALITY -> 0;
            case BALANCED -> margin;
            case LATENCY -> Double.POSITIVE_INFINITY;
        };
    }

    /** The form that {@link #parse} reads, such as {@code balanced} or {@code tolerance:0.02}. */
    public String written() {
        return tolerance.isPresent()
                ? TOLERANCE + tolerance.getAsDouble()
                : preference.name().toLowerCase(Locale.ROOT);
    }
}
