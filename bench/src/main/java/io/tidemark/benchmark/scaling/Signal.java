package io.tidemark.benchmark.scaling;

import java.util.EnumMap;
import java.util.Map;
import java.util.OptionalInt;

/**
 * What sets the number of workers: a constant, or triggers with the value that one worker should have. The trigger that
 * asks for most workers counts.
 *
 * @param text                 what {@link #parse} has read
 * @param replicas             the constant; without triggers
 * @param stabilizationSeconds {@code scaleDown.stabilizationWindowSeconds}
 */
public record Signal(String text, OptionalInt replicas, Map<Trigger, Double> thresholds, double stabilizationSeconds) {

    private static final double STABILIZATION_SECONDS = 120;

    /** A metric of the scaler. */
    public enum Trigger {
        /** Offsets behind the committed ones: waiting and running requests, and finished ones behind a long one. */
        LAG,
        /** Seconds that one worker needs for all waiting and running requests. */
        WORK,
        /** Workers that the present throughput needs. */
        LOAD;

        private static Trigger named(String name) {
            return switch (name) {
                case "lag" -> LAG;
                case "work" -> WORK;
                case "load" -> LOAD;
                default ->
                    throw new IllegalArgumentException(
                            "'" + name + "' is not a signal; signals are replicas, lag, work and load");
            };
        }
    }

    public Signal {
        thresholds = Map.copyOf(thresholds);
        if (replicas.isPresent() != thresholds.isEmpty()
                || replicas.orElse(1) < 1
                || !(stabilizationSeconds >= 0)
                || thresholds.values().stream().anyMatch(each -> !(each > 0))) {
            throw new IllegalArgumentException("a signal has either a number of replicas or positive thresholds");
        }
    }

    /** Parses {@code replicas=N}, or thresholds and a window such as {@code work=5+load=0.6@120}. */
    public static Signal parse(String text) {
        Map<Trigger, Double> thresholds = new EnumMap<>(Trigger.class);
        OptionalInt replicas = OptionalInt.empty();
        String[] window = text.split("@", 2);
        for (String part : window[0].split("\\+")) {
            String[] sides = part.split("=", 2);
            if (sides.length < 2) {
                throw new IllegalArgumentException("'" + part + "' is not NAME=VALUE");
            }
            if (sides[0].equals("replicas")) {
                replicas = OptionalInt.of(Integer.parseInt(sides[1]));
            } else {
                thresholds.put(Trigger.named(sides[0]), Double.valueOf(sides[1]));
            }
        }
        return new Signal(
                text, replicas, thresholds, window.length == 2 ? Double.parseDouble(window[1]) : STABILIZATION_SECONDS);
    }
}
