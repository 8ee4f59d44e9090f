package io.tidemark.benchmark.scaling;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * What sets the number of workers: a constant, or triggers with the value that one worker should have. The trigger that
 * asks for most workers counts.
 *
 * @param replicas             the constant; without triggers
 * @param stabilizationSeconds replaces that of {@link ScalerSettings}
 */
public record Signal(OptionalInt replicas, Map<Trigger, Double> thresholds, OptionalDouble stabilizationSeconds) {

    /** A metric of the scaler. */
    public enum Trigger {
        /**
         * Offsets behind the committed ones: waiting and running requests, finished ones behind a long one, markers.
         */
        LAG,
        /** Seconds that one worker needs for all waiting and running requests. */
        WORK,
        /** Workers that the present throughput needs. */
        LOAD;

        private static Trigger named(String name) {
            return Arrays.stream(values())
                    .filter(each -> each.text().equals(name))
                    .findFirst()
                    .orElseThrow(() -> new IllegalArgumentException(
                            "'" + name + "' is not a signal; signals are replicas, lag, work and load"));
        }

        private String text() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    public Signal {
        thresholds = Map.copyOf(thresholds);
        if (replicas.isPresent() != thresholds.isEmpty()
                || replicas.orElse(1) < 1
                || !(stabilizationSeconds.orElse(0) >= 0)
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
                replicas,
                thresholds,
                window.length == 2 ? OptionalDouble.of(Double.parseDouble(window[1])) : OptionalDouble.empty());
    }

    /** The names of the triggers and the window without the thresholds, such as {@code work+load@120}. */
    public String kind() {
        return replicas.isPresent() ? "replicas" : joined(Trigger::text);
    }

    /** The text that {@link #parse} reads. */
    @Override
    public String toString() {
        return replicas.isPresent()
                ? "replicas=" + replicas.getAsInt()
                : joined(trigger -> trigger.text() + "=" + number(thresholds.get(trigger)));
    }

    private String joined(Function<Trigger, String> text) {
        return new EnumMap<>(thresholds).keySet().stream().map(text).collect(Collectors.joining("+"))
                + (stabilizationSeconds.isPresent() ? "@" + number(stabilizationSeconds.getAsDouble()) : "");
    }

    private static String number(double value) {
        return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
    }
}
