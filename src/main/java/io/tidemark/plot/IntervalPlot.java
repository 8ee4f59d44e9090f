package io.tidemark.plot;

import io.tidemark.plot.Plot.Mark;
import java.util.List;
import java.util.stream.DoubleStream;

/**
 * The data of a plot of values with intervals over some of the integers 0 .. n.
 *
 * @param xLabel label of the horizontal axis
 * @param points one or more, each at another integer
 * @param filled what a point with a filled symbol is
 * @param empty  what a point with an empty symbol is
 */
public record IntervalPlot(
        String title, String xLabel, List<IntervalPoint> points, String filled, String empty, List<Mark> marks) {

    /** A longer axis would not fit a terminal. */
    private static final int MOST = 1024;

    /**
     * A value with its interval.
     *
     * @param half     half of the interval's length, 0 without an interval
     * @param isFilled whether its symbol is filled
     */
    public record IntervalPoint(int at, double value, double half, boolean isFilled) {

        public IntervalPoint {
            if (at < 0 || at > MOST || !Double.isFinite(value) || !(half >= 0) || Double.isInfinite(half)) {
                throw new IllegalArgumentException("a point needs a place from 0 to " + MOST
                        + ", a finite value and a finite interval: " + value + " ± " + half + " at " + at);
            }
        }
    }

    public IntervalPlot {
        points = List.copyOf(points);
        marks = List.copyOf(marks);
        if (points.isEmpty()) {
            throw new IllegalArgumentException("a plot needs a point");
        }
    }

    /** The largest number on the horizontal axis, 1 or more. */
    int last() {
        return Math.max(1, points.stream().mapToInt(IntervalPoint::at).max().orElseThrow());
    }

    Scale yScale() {
        return Scale.over(points.stream()
                .flatMapToDouble(point -> DoubleStream.of(point.value() - point.half(), point.value() + point.half())));
    }
}
