package io.tidemark.generation.layout;

import io.tidemark.generation.layout.TurnDurations.Change;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The preferred width for each number of rows, with adapters and without. Numbers are grouped in classes, the powers of
 * the square root of 2. The class changes when the mean number is more than three quarters of a class away. A new class
 * begins with the width of the nearest class that has the same initial width, or with the initial width. Widths are
 * indices of {@link EngineLayout#groupWidths}.
 *
 * <p>No clock and no threads.
 */
final class WidthsByRows {

    /** The weight of a round in the mean number of rows. */
    private static final double ROUND_WEIGHT = 0.25;
    /** A group with this many rows gains little from a step with more rows. */
    private static final int ENOUGH_ROWS = 12;

    private final int instances;
    private final List<Integer> widths;
    private final boolean isWideByDefault;

    private final Map<Integer, PreferredWidth> withoutAdapters = new TreeMap<>();
    private final Map<Integer, PreferredWidth> withAdapters = new TreeMap<>();
    private double meanRows;
    private int rowsClass;
    /** Whether the last turns of the instances had adapters. */
    private boolean adapters;

    WidthsByRows(EngineLayout layout) {
        this.instances = layout.instances();
        this.widths = layout.groupWidths();
        this.isWideByDefault = layout.isWideByDefault();
    }

    /**
     * The preferred width after a turn: that for the mean number of rows of recent rounds.
     *
     * @param round       the part of a round that the turn was
     * @param rows        number of rows of all instances, and of those that the next turns may have in addition
     * @param hasAdapters whether a row of the last turns uses an adapter
     */
    PreferredWidth update(double round, int rows, boolean hasAdapters) {
        adapters = hasAdapters;
        boolean jumps = rows > 2 * meanRows || 2 * rows < meanRows;
        meanRows = jumps ? rows : meanRows + ROUND_WEIGHT * round * (rows - meanRows);
        if (Math.abs(logRows(meanRows) - rowsClass) > 0.75) {
            rowsClass = (int) Math.round(logRows(meanRows));
        }
        return (adapters ? withAdapters : withoutAdapters).computeIfAbsent(rowsClass, newClass -> {
            int initial = initial(newClass);
            return new PreferredWidth(initial, nearest(meanRows, initial), widths.size());
        });
    }

    /**
     * The preferred width for the nearest number of rows that has the same initial one, or the initial one if there is
     * none. With adapters if the last turns had some, and if a number of rows with adapters has a preference.
     */
    int nearest(double expected) {
        double rows = Math.max(1, expected);
        return nearest(rows, initial((int) Math.round(logRows(rows))));
    }

    private int nearest(double rows, int initial) {
        Map<Integer, PreferredWidth> same = adapters ? withAdapters : withoutAdapters;
        Map<Integer, PreferredWidth> known = same.isEmpty() ? (adapters ? withoutAdapters : withAdapters) : same;
        return known.entrySet().stream()
                .filter(entry -> entry.getValue().initial() == initial)
                .min(Comparator.comparingDouble(entry -> Math.abs(entry.getKey() - logRows(rows))))
                .map(nearest -> nearest.getValue().width())
                .orElse(initial);
    }

    /** The durations of turns of this width have changed. */
    void durationsChange(int width, Change change) {
        Stream.concat(withoutAdapters.values().stream(), withAdapters.values().stream())
                .filter(each -> each.width() == width)
                .forEach(each -> each.durationsChange(change));
    }

    /**
     * For a class of numbers of rows: the width of the layout; if this is the largest, the smallest one whose groups
     * have enough rows. Groups with fewer rows read the weights more often than necessary. With enough rows a decoding
     * step takes about as long in either width, and prompts are faster in narrow groups: they run beside the decoding
     * rows of others.
     */
    private int initial(int ofClass) {
        double rows = Math.pow(2, ofClass / 2.0);
        for (int width = 0; isWideByDefault && width < widths.size(); width++) {
            int groups = InstanceGroup.all(widths.get(width), instances).size();
            if (rows >= ENOUGH_ROWS * groups) {
                return width;
            }
        }
        return isWideByDefault ? widths.size() - 1 : 0;
    }

    private static double logRows(double rows) {
        return 2 * Math.log(rows) / Math.log(2);
    }
}
