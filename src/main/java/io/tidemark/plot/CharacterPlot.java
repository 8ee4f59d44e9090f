package io.tidemark.plot;

import io.tidemark.plot.Plot.Mark;
import io.tidemark.plot.Plot.Series;
import java.util.Arrays;
import java.util.List;

/** Draws a {@link Plot} or an {@link IntervalPlot} with characters, for a terminal of 80 columns. */
public final class CharacterPlot {

    private static final int COLUMNS = 60;
    private static final int ROWS = 13;
    private static final List<Character> SYMBOLS = List.of('●', '○', '×', '+');

    private static final char FILLED = '●';
    private static final char EMPTY = '○';
    private static final char INTERVAL = '┃';

    private final String xLabel;
    private final int last;
    private final List<Mark> marks;
    private final Scale scale;
    private final int step;
    private final int margin;

    private CharacterPlot(String xLabel, int last, List<Mark> marks, Scale scale) {
        this.xLabel = xLabel;
        this.last = last;
        this.marks = marks;
        this.scale = scale;
        this.step = Math.max(1, COLUMNS / last);
        this.margin = scale.ticks().stream()
                .mapToInt(tick -> scale.label(tick).length())
                .max()
                .orElse(0);
    }

    /** Returns several lines, each with a line break at its end. */
    public static String of(Plot plot) {
        CharacterPlot drawing = new CharacterPlot(plot.xLabel(), plot.last(), plot.marks(), plot.yScale());
        StringBuilder legend = new StringBuilder();
        for (int i = 0; i < plot.series().size(); i++) {
            legend.append(
                    entry(SYMBOLS.get(i % SYMBOLS.size()), plot.series().get(i).name()));
        }
        return drawing.draw(plot.title(), legend.toString(), drawing.grid(plot));
    }

    /** Draws points with intervals. */
    public static String of(IntervalPlot plot) {
        CharacterPlot drawing = new CharacterPlot(plot.xLabel(), plot.last(), plot.marks(), plot.yScale());
        return drawing.draw(
                plot.title(), entry(FILLED, plot.filled()) + entry(EMPTY, plot.empty()), drawing.grid(plot));
    }

    private static String entry(char symbol, String name) {
        return "  " + symbol + ' ' + name;
    }

    private String draw(String title, String legend, char[][] grid) {
        StringBuilder text =
                new StringBuilder(title).append('\n').append(legend).append('\n');
        for (int row = 0; row < ROWS; row++) {
            text.append(label(row))
                    .append(" │")
                    .append(new String(grid[row]).stripTrailing())
                    .append('\n');
        }
        text.append(" ".repeat(margin))
                .append(" └")
                .append("─".repeat(last * step + 1))
                .append('\n');
        text.append(axis()).append("  ").append(xLabel).append('\n');
        for (Mark mark : marks) {
            text.append(" ".repeat(margin + 2 + mark.at() * step))
                    .append("^ ")
                    .append(mark.label())
                    .append('\n');
        }
        return text.toString();
    }

    /** The first series is drawn last, on top of the others. */
    private char[][] grid(Plot plot) {
        char[][] grid = blank();
        for (int i = plot.series().size() - 1; i >= 0; i--) {
            Series series = plot.series().get(i);
            for (int at = 0; at <= last; at++) {
                grid[row(series.values().get(at))][at * step] = SYMBOLS.get(i % SYMBOLS.size());
            }
        }
        return grid;
    }

    private char[][] grid(IntervalPlot plot) {
        char[][] grid = blank();
        for (IntervalPlot.IntervalPoint point : plot.points()) {
            int column = point.at() * step;
            for (int row = row(point.value() + point.half()); row <= row(point.value() - point.half()); row++) {
                grid[row][column] = INTERVAL;
            }
            grid[row(point.value())][column] = point.isFilled() ? FILLED : EMPTY;
        }
        return grid;
    }

    private char[][] blank() {
        char[][] grid = new char[ROWS][last * step + 1];
        Arrays.stream(grid).forEach(row -> Arrays.fill(row, ' '));
        return grid;
    }

    private int row(double value) {
        return (int) Math.round((1 - scale.height(value)) * (ROWS - 1));
    }

    /** The label of the tick in this row, or blanks. */
    private String label(int row) {
        String label = scale.ticks().stream()
                .filter(tick -> row(tick) == row)
                .findFirst()
                .map(scale::label)
                .orElse("");
        return " ".repeat(margin - label.length()) + label;
    }

    private String axis() {
        StringBuilder numbers = new StringBuilder(" ".repeat(margin + 2 + last * step + 3));
        for (int at = 0; at <= last; at += Plot.xTickStep(last)) {
            String number = Integer.toString(at);
            numbers.replace(margin + 2 + at * step, margin + 2 + at * step + number.length(), number);
        }
        return numbers.toString().stripTrailing();
    }
}
