package io.tidemark.evaluation;

import java.util.List;

/** Median, minimum and maximum of repeated measurements, one or more. */
public final class Spread {

    private final List<Double> sorted;

    private Spread(List<Double> sorted) {
        this.sorted = sorted;
    }

    /** @param values the values, in any order and unit */
    public static Spread of(List<Double> values) {
        if (values.isEmpty()) {
            throw new IllegalArgumentException("a spread needs one value or more");
        }
        return new Spread(values.stream().sorted().toList());
    }

    /** The middle value, or the mean of the two middle values. */
    public double median() {
        int middle = sorted.size() / 2;
        return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    }

    public double min() {
        return sorted.get(0);
    }

    public double max() {
        return sorted.get(sorted.size() - 1);
    }
}
