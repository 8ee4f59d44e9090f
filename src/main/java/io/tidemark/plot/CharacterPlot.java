package io.tidemark.plot;

import io.tidemark.plot.Plot.Mark;
import io.tidemark.plot.Plot.Series;
import java.util.Arrays;
import java.util.List;

/** Draws a {@link Plot} with characters, for a terminal of 80 columns. */
public final class CharacterPlot {

    private static final int COLUMNS = 60;
    private static final int ROWS = 13;
    private static final List<Character> SYMBOLS = List.of('●', '○', '×', '+');

    private final Plot plot;
    private final Scale scale;
    private final int step;
    private final int margin;

    private CharacterPlot(Plot plot) {
        this.plot = plot;
        this.scale = Scale.over(plot.lowest(), plot.highest());
        this.step = Math.max(1, COLUMNS / plot.last());
        this.margin = scale.ticks().stream()
                .mapToInt(tick -> scale.label(tick).length())
                .max()
                .orElse(0);
    }

    /** Returns several lines, each with a line break at its end. */
    public static String of(Plot plot) {
        return new CharacterPlot(plot).draw();
    }

    private String draw() {
        StringBuilder text = new StringBuilder(plot.title()).append('\n');
        for (int i = 0; i < plot.series().size(); i++) {
            text.append("  ")
                    .append(SYMBOLS.get(i % SYMBOLS.size()))
                    .append(' ')
                    .append(plot.series().get(i).name());
        }
        text.append('\n');
        char[][] grid = grid();
        for (int row = 0; row < ROWS; row++) {
            text.append(label(row))
                    .append(" │")
                    .append(new String(grid[row]).stripTrailing())
                    .append('\n');
        }
        text.append(" ".repeat(margin))
                .append(" └")
                .append("─".repeat(plot.last() * step + 1))
                .append('\n');
        text.append(axis()).append("  ").append(plot.xLabel()).append('\n');
        for (Mark mark : plot.marks()) {
            text.append(" ".repeat(margin + 2 + mark.at() * step))
                    .append("^ ")
                    .append(mark.label())
                    .append('\n');
        }
        return text.toString();
    }

    /** The first series is drawn last, on top of the others. */
    private char[][] grid() {
        char[][] grid = new char[ROWS][plot.last() * step + 1];
        Arrays.stream(grid).forEach(row -> Arrays.fill(row, ' '));
        for (int i = plot.series().size() - 1; i >= 0; i--) {
            Series series = plot.series().get(i);
            for (int at = 0; at <= plot.last(); at++) {
                grid[row(series.values().get(at))][at * step] = SYMBOLS.get(i % SYMBOLS.size());
            }
        }
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
        StringBuilder numbers = new StringBuilder(" ".repeat(margin + 2 + plot.last() * step + 3));
        for (int at = 0; at <= plot.last(); at += plot.xTickStep()) {
            String number = Integer.toString(at);
            numbers.replace(margin + 2 + at * step, margin + 2 + at * step + number.length(), number);
        }
        return numbers.toString().stripTrailing();
    }
}
