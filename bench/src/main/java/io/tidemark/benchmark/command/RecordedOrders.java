package io.tidemark.benchmark.command;

import io.tidemark.benchmark.calibration.CalibrationSimulation;
import io.tidemark.benchmark.calibration.RecordedTraffic;
import io.tidemark.calibration.rule.Objective;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * What the e-process rule does with all recorded examples of an adapter once, in batches of 8, in 20 random orders that
 * depend on the seed of the simulation only.
 */
final class RecordedOrders {

    private static final int ORDERS = 20;
    private static final int BATCH = 8;
    private static final int EARLY_EXAMPLES = 80;

    private final CalibrationSimulation simulation;

    RecordedOrders(CalibrationSimulation simulation) {
        this.simulation = simulation;
    }

    /**
     * A table with a row for each adapter and objective.
     *
     * @param scores {@code [examples][boundaries 0 to L]} by adapter
     */
    String table(Map<String, double[][]> scores) {
        StringBuilder text = new StringBuilder(format(
                "%n%d orders of the recorded examples in batches of %d, e-process: boundaries in force and how often%n",
                ORDERS, BATCH));
        text.append(format(
                "%-24s%-12s%10s%12s%8s%14s  %-36s  %-26s  %-24s  %s%n",
                "adapter",
                "objective",
                "examples",
                "layer eval.",
                "moved",
                "examples then",
                "within " + EARLY_EXAMPLES + " examples",
                "at " + EARLY_EXAMPLES + " examples",
                "lowest",
                "last"));
        scores.forEach((adapter, rows) -> simulation
                .objectives()
                .forEach(objective -> text.append(format(
                        "%-24s%-12s%10d%s", adapter, objective.written(), rows.length, summary(objective, rows)))));
        return text.toString();
    }

    private String summary(Objective objective, double[][] rows) {
        int full = rows[0].length - 1;
        List<CalibrationSimulation.Course> all = courses(objective, rows);
        List<List<Integer>> courses =
                all.stream().map(CalibrationSimulation.Course::inForce).toList();
        List<Integer> firstExamples = new ArrayList<>();
        for (List<Integer> course : courses) {
            IntStream.range(0, course.size())
                    .filter(i -> course.get(i) != full)
                    .findFirst()
                    .ifPresent(i -> firstExamples.add(Math.min(rows.length, (i + 1) * BATCH)));
        }
        return format(
                "%12.0f%8d%14s  %-36s  %-26s  %-24s  %s%n",
                all.stream()
                        .mapToLong(CalibrationSimulation.Course::layerEvaluations)
                        .average()
                        .orElseThrow(),
                firstExamples.size(),
                range(firstExamples),
                counts(courses.stream()
                        .flatMap(course -> early(course).stream().distinct())
                        .toList()),
                counts(courses.stream()
                        .map(RecordedOrders::early)
                        .map(RecordedOrders::last)
                        .toList()),
                counts(courses.stream().map(Collections::min).toList()),
                counts(courses.stream().map(RecordedOrders::last).toList()));
    }

    /** The course of each order. */
    private List<CalibrationSimulation.Course> courses(Objective objective, double[][] rows) {
        List<Integer> boundaries = simulation.settings().candidates(rows[0].length - 1);
        RecordedTraffic traffic = new RecordedTraffic(rows, boundaries);
        return IntStream.range(0, ORDERS)
                .mapToObj(order -> simulation.shuffle(traffic, boundaries, objective, BATCH, simulation.seed() + order))
                .toList();
    }

    private static List<Integer> early(List<Integer> course) {
        return course.subList(0, Math.min(course.size(), EARLY_EXAMPLES / BATCH));
    }

    private static int last(List<Integer> course) {
        return course.get(course.size() - 1);
    }

    /** Smallest, median and largest value. */
    private static String range(List<Integer> values) {
        if (values.isEmpty()) {
            return "-";
        }
        List<Integer> sorted = values.stream().sorted().toList();
        return sorted.get(0) + ".." + sorted.get(sorted.size() / 2) + ".." + sorted.get(sorted.size() - 1);
    }

    /** How often each boundary appears, such as {@code 12:15 14:5}. */
    private static String counts(List<Integer> boundaries) {
        Map<Integer, Integer> counts = new TreeMap<>();
        boundaries.forEach(boundary -> counts.merge(boundary, 1, Integer::sum));
        return String.join(
                " ",
                counts.entrySet().stream()
                        .map(count -> count.getKey() + ":" + count.getValue())
                        .toList());
    }

    private static String format(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
