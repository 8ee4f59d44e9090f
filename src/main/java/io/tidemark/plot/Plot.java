package io.tidemark.plot;

import java.util.List;

/**
 * The data of a line plot over the integers 0 .. n.
 *
 * @param xLabel label of the horizontal axis
 * @param yLabel label of the vertical axis
 */
public record Plot(String title, String xLabel, String yLabel, List<Series> series, List<Mark> marks) {

    public Plot {
        series = List.copyOf(series);
        marks = List.copyOf(marks);
        if (series.stream().map(line -> line.values().size()).distinct().count() != 1) {
            throw new IllegalArgumentException("a plot needs series of one length");
        }
    }

    /** A line through its values at 0, 1, 2 …: two or more, all finite. */
    public record Series(String name, List<Double> values) {

        public Series {
            values = List.copyOf(values);
            if (values.size() < 2 || !values.stream().allMatch(Double::isFinite)) {
                throw new IllegalArgumentException("series '" + name + "' needs two or more finite values: " + values);
            }
        }
    }

    /** A labelled position on the horizontal axis. */
    public record Mark(int at, String label) {}

    /** The distance between two labelled numbers on the horizontal axis. */
    int xTickStep() {
        return xTickStep(last());
    }

    /** The distance of the ticks on an axis from 0 to {@code last}. */
    static int xTickStep(int last) {
        return last <= 16 ? 1 : last <= 60 ? 5 : 10;
    }

    /** The largest number on the horizontal axis. */
    int last() {
        return series.get(0).values().size() - 1;
    }

    Scale yScale() {
        return Scale.over(
                series.stream().flatMap(line -> line.values().stream()).mapToDouble(Double::doubleValue));
    }
}
