package io.tidemark.cli.demo;

import com.mitchtalmadge.asciidata.graph.ASCIIGraph;
import io.tidemark.cli.demo.DemoReport.Calibration;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.text.FieldPosition;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/** A boundary curve as characters: mean log-likelihood per gold token upwards, the boundary to the right. */
final class CurvePlot {

    private static final int COLUMNS = 60;
    private static final int ROWS = 8;

    private CurvePlot() {}

    static String of(Calibration calibration) {
        List<Double> curve = calibration.curve();
        int step = Math.max(1, COLUMNS / Math.max(1, curve.size() - 1));
        double lowest = Collections.min(curve);
        double[] heights = Arrays.stream(stretched(curve, step))
                .map(value -> value - lowest)
                .toArray();
        String graph = ASCIIGraph.fromSeries(heights)
                .withNumRows(ROWS)
                .withTickFormat(new RaisedFormat(lowest))
                .plot();
        int margin = margin(graph);
        return graph.stripTrailing() + System.lineSeparator() + axis(calibration, step, margin);
    }

    /** Each value held for {@code step} columns, the last one for one, so that a layer has some width. */
    private static double[] stretched(List<Double> curve, int step) {
        double[] series = new double[(curve.size() - 1) * step + 1];
        for (int column = 0; column < series.length; column++) {
            int left = column / step;
            double share = (column % step) / (double) step;
            double right = curve.get(Math.min(left + 1, curve.size() - 1));
            series[column] = curve.get(left) * (1 - share) + right * share;
        }
        return series;
    }

    /** The column of the first value: just right of the graph's own vertical axis. */
    private static int margin(String graph) {
        String first = graph.lines().findFirst().orElse("");
        int axis = Math.max(first.indexOf('┤'), first.indexOf('┼'));
        return Math.max(0, axis);
    }

    private static String axis(Calibration calibration, int step, int margin) {
        int last = calibration.numLayers();
        StringBuilder marks = new StringBuilder(" ".repeat(margin + last * step + 4));
        int every = last <= 16 ? 1 : 5;
        for (int boundary = 0; boundary <= last; boundary += every) {
            String number = Integer.toString(boundary);
            marks.replace(margin + boundary * step, margin + boundary * step + number.length(), number);
        }
        StringBuilder chosen =
                new StringBuilder(" ".repeat(margin + calibration.boundaryAfter() * step)).append("^ chosen boundary");
        return marks.toString().stripTrailing() + System.lineSeparator() + chosen;
    }

    /** Labels heights above the lowest value: the library takes 0 for the top of a series that is negative throughout. */
    private static final class RaisedFormat extends DecimalFormat {

        private static final long serialVersionUID = 1L;

        private final double lowest;

        RaisedFormat(double lowest) {
            super("0.000", DecimalFormatSymbols.getInstance(Locale.ROOT));
            this.lowest = lowest;
        }

        @Override
        public StringBuffer format(double height, StringBuffer text, FieldPosition position) {
            return super.format(height + lowest, text, position);
        }
    }
}
