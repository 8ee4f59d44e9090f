package io.tidemark.plot;

import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/** An axis. Those of {@link #over} have round numbers at both ends. */
record Scale(double from, double to, double step) {

    private static final int MOST_STEPS = 6;

    /** @param values one or more, which the axis has room for */
    static Scale over(DoubleStream values) {
        DoubleSummaryStatistics range = values.summaryStatistics();
        return over(range.getMin(), range.getMax());
    }

    static Scale over(double lowest, double highest) {
        double range = highest - lowest > 0 ? highest - lowest : 1;
        double unit = Math.pow(10, Math.floor(Math.log10(range / MOST_STEPS)));
        double step = List.of(1, 2, 5, 10).stream()
                .mapToDouble(times -> times * unit)
                .filter(candidate -> range / candidate <= MOST_STEPS)
                .findFirst()
                .orElseThrow();
        double from = Math.floor(lowest / step) * step;
        return new Scale(from, Math.max(Math.ceil(highest / step) * step, from + step), step);
    }

    List<Double> ticks() {
        return IntStream.rangeClosed(0, (int) ((to - from) / step + 1e-9))
                .mapToObj(i -> from + i * step)
                .toList();
    }

    /** Where a value is on the axis: 0 is the start, which is the bottom or the left, and 1 is the end. */
    double height(double value) {
        return (value - from) / (to - from);
    }

    /** Formats a tick with as many decimals as the step has. */
    String label(double value) {
        int decimals = Math.max(0, (int) Math.ceil(-Math.log10(step) - 1e-9));
        return String.format(Locale.ROOT, "%." + decimals + "f", value == 0 ? 0.0 : value);
    }
}
