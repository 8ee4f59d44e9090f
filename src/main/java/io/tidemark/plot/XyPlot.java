package io.tidemark.plot;

import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * The data of a plot of lines through points.
 *
 * @param xLabel label of the horizontal axis
 * @param yLabel label of the vertical axis
 * @param lines  at most six
 */
public record XyPlot(String title, String xLabel, String yLabel, List<Line> lines) {

    private static final int MOST_LINES = 6;

    public XyPlot {
        lines = List.copyOf(lines);
        if (lines.isEmpty() || lines.size() > MOST_LINES) {
            throw new IllegalArgumentException("a plot needs one to " + MOST_LINES + " lines");
        }
    }

    /** A point with finite coordinates. */
    public record Point(double x, double y) {

        public Point {
            if (!Double.isFinite(x) || !Double.isFinite(y)) {
                throw new IllegalArgumentException("a point needs finite coordinates: " + x + ", " + y);
            }
        }
    }

    /** A line through its points in their order. */
    public record Line(String name, List<Point> points) {

        public Line {
            points = List.copyOf(points);
            if (points.isEmpty()) {
                throw new IllegalArgumentException("line '" + name + "' needs a point");
            }
        }
    }

    Scale xScale() {
        return scale(Point::x);
    }

    Scale yScale() {
        return scale(Point::y);
    }

    private Scale scale(ToDoubleFunction<Point> coordinate) {
        return Scale.over(lines.stream().flatMap(line -> line.points().stream()).mapToDouble(coordinate));
    }
}
