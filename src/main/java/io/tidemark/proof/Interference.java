package io.tidemark.proof;

import java.util.List;

/**
 * Milliseconds between two tokens of a running row.
 *
 * @param alone         with nothing beside the rows
 * @param beside        while a long prompt was run beside them
 * @param promptMillis  from a prompt's submission to its first token, one entry a prompt
 */
public record Interference(List<Double> alone, List<Double> beside, List<Double> promptMillis) {

    public Interference {
        alone = List.copyOf(alone);
        beside = List.copyOf(beside);
        promptMillis = List.copyOf(promptMillis);
    }

    /** Median beside a prompt over median alone. */
    public double ratio() {
        return median(beside) / median(alone);
    }

    /** The longest time beside a prompt over the median alone. */
    public double worstRatio() {
        return beside.stream().mapToDouble(Double::doubleValue).max().orElseThrow() / median(alone);
    }

    public static double median(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        int middle = sorted.size() / 2;
        return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    }
}
