package io.tidemark.plot;

import io.tidemark.plot.Plot.Mark;
import io.tidemark.plot.Plot.Series;
import java.util.List;
import java.util.Locale;

/**
 * Draws a {@link Plot} as an SVG document with a white background. Each line has a colour and a dash pattern.
 */
public final class SvgPlot {

    private static final int WIDTH = 760;
    private static final int HEIGHT = 420;
    private static final int LEFT = 72;
    private static final int RIGHT = 24;
    private static final int TOP = 84;
    private static final int BOTTOM = 56;
    private static final List<String> COLOURS =
            List.of("#0b5fa5", "#c2410c", "#15803d", "#7e22ce", "#4b5563", "#b45309");
    private static final List<String> DASHES = List.of("none", "7 4", "2 3", "10 3 2 3", "none", "7 4");
    private static final int LEGEND_COLUMNS = 3;

    private final Plot plot;
    private final Scale horizontal;
    private final Scale vertical;
    private final StringBuilder svg = new StringBuilder();

    private SvgPlot(Plot plot) {
        this.plot = plot;
        this.horizontal = new Scale(0, plot.last(), plot.xTickStep());
        this.vertical = plot.yScale();
    }

    /** The horizontal axis has a label at some integers and ends at the last one. */
    public static String of(Plot plot) {
        return new SvgPlot(plot).draw();
    }

    private String draw() {
        add(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" font-family=\"sans-serif\" font-size=\"13\">",
                WIDTH, HEIGHT);
        add("<title>%s</title>", escaped(plot.title()));
        add("<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>", WIDTH, HEIGHT);
        text(LEFT, 22, "start", "font-size=\"15\" font-weight=\"bold\"", plot.title());
        verticalAxis();
        horizontalAxis();
        for (int i = 0; i < plot.marks().size(); i++) {
            mark(plot.marks().get(i), i);
        }
        for (int i = 0; i < plot.series().size(); i++) {
            line(plot.series().get(i), i);
        }
        add("</svg>");
        return svg.toString();
    }

    private void verticalAxis() {
        for (double tick : vertical.ticks()) {
            add(
                    "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#e5e7eb\"/>",
                    LEFT, y(tick), WIDTH - RIGHT, y(tick));
            text(LEFT - 8, y(tick) + 4, "end", "", vertical.label(tick));
        }
        double middle = (TOP + HEIGHT - BOTTOM) / 2.0;
        text(
                18,
                middle,
                "middle",
                String.format(Locale.ROOT, "transform=\"rotate(-90 18 %.1f)\"", middle),
                plot.yLabel());
    }

    private void horizontalAxis() {
        add(
                "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"#374151\"/>",
                LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM);
        for (double tick : horizontal.ticks()) {
            text(x(tick), HEIGHT - BOTTOM + 18, "middle", "", horizontal.label(tick));
        }
        text((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 14, "middle", "", plot.xLabel());
    }

    private void line(Series line, int number) {
        String colour = COLOURS.get(number % COLOURS.size());
        String dash = DASHES.get(number % DASHES.size());
        StringBuilder points = new StringBuilder();
        for (int at = 0; at <= plot.last(); at++) {
            points.append(String.format(
                    Locale.ROOT, "%.1f,%.1f ", x(at), y(line.values().get(at))));
        }
        add(
                "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"%s\"/>",
                points.toString().strip(), colour, dash);
        int from = LEFT + number % LEGEND_COLUMNS * 230;
        int height = 40 + number / LEGEND_COLUMNS * 18;
        add(
                "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"%s\"/>",
                from, height, from + 28, height, colour, dash);
        text(from + 34, height + 4, "start", "", line.name());
    }

    /** Labels alternate between two heights, so that neighbours do not overlap. */
    private void mark(Mark mark, int number) {
        double height = TOP - 18 + number % 2 * 14;
        add(
                "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%d\" stroke=\"#6b7280\" stroke-dasharray=\"3 3\"/>",
                x(mark.at()), height + 4, x(mark.at()), HEIGHT - BOTTOM);
        String anchor = mark.at() * 2 > horizontal.to() ? "end" : "start";
        text(x(mark.at()), height, anchor, "font-size=\"12\" fill=\"#374151\"", mark.label());
    }

    private double x(double value) {
        return LEFT + horizontal.height(value) * (WIDTH - LEFT - RIGHT);
    }

    private double y(double value) {
        return HEIGHT - BOTTOM - vertical.height(value) * (HEIGHT - BOTTOM - TOP);
    }

    private void text(double x, double y, String anchor, String attributes, String text) {
        add("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" %s>%s</text>", x, y, anchor, attributes, escaped(text));
    }

    private void add(String format, Object... values) {
        svg.append(String.format(Locale.ROOT, format, values)).append('\n');
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
