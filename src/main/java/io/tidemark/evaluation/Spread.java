package io.tidemark.evaluation;

import java.util.List;

/** A few measurements of one thing: the middle one, and how far they lie apart. At least one. */
public final class Spread {

    private final List<Double> sorted;

    private Spread(List<Double> sorted) {
        this.sorted = sorted;
    }

    /** @param values in any order and unit */
    public static Spread of(List<Double> values) {
        if (values.isEmpty()) {
            throw new IllegalArgumentException("nothing was measured");
        }
        return new Spread(values.stream().sorted().toList());
    }

    /** The middle value; the mean of both where their number is even. */
    public double median() {
        int middle = sorted.size() / 2;
        return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    }

    public double least() {
        return sorted.get(0);
    }

    public double most() {
        return sorted.get(sorted.size() - 1);
    }
}
