package io.tidemark.cli.bench;

import io.tidemark.benchmark.calibration.CalibrationSimulation;
import io.tidemark.benchmark.calibration.RecordedTraffic;
import io.tidemark.calibration.rule.Objective;
import io.tidemark.cli.console.CommandException;
import java.util.ArrayList;
import java.util.Arrays;
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
    /** The 0.975 quantile of the normal distribution. */
    private static final double TWO_SIDED_95 = 1.96;

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
                "%-24s%-12s%10s%8s%14s  %-36s  %-26s  %-24s  %s%n",
                "adapter",
                "objective",
                "examples",
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
        List<List<Integer>> courses = boundariesAfterEachBatch(objective, rows);
        List<Integer> firstExamples = new ArrayList<>();
        for (List<Integer> course : courses) {
            IntStream.range(0, course.size())
                    .filter(i -> course.get(i) != full)
                    .findFirst()
                    .ifPresent(i -> firstExamples.add(Math.min(rows.length, (i + 1) * BATCH)));
        }
        return format(
                "%8d%14s  %-36s  %-26s  %-24s  %s%n",
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

    /**
     * Compares two sets of scores of the same examples, such as of two compute types: the differences to full LoRA, and
     * the decisions in the same orders. Of two sets of different length, the first examples of the longer one count.
     *
     * @param scores {@code [examples][boundaries 0 to L]} by adapter
     * @param others the same; a line names the adapters that one of both lacks
     * @throws CommandException if the scores of an adapter are not of the same layers, or of fewer than two examples
     */
    String comparison(Map<String, double[][]> scores, Map<String, double[][]> others) {
        StringBuilder text = new StringBuilder(format(
                "Differences to full LoRA in the first scores less those in the second, at the candidate where they"
                        + " differ most,%nand boundaries in force in %d orders in batches of %d%n",
                ORDERS, BATCH));
        text.append(format(
                "%-24s%-12s%10s%10s%24s%16s%14s%14s  %-24s  %s%n",
                "adapter",
                "objective",
                "examples",
                "boundary",
                "mean and 95% interval",
                "spread",
                "same batches",
                "same at last",
                "last, first scores",
                "last, second scores"));
        scores.forEach((adapter, rows) -> {
            if (others.containsKey(adapter)) {
                requireComparable(adapter, rows, others.get(adapter));
                simulation
                        .objectives()
                        .forEach(objective -> text.append(comparison(adapter, objective, rows, others.get(adapter))));
            }
        });
        return text + onlyIn("first", scores, others) + onlyIn("second", others, scores);
    }

    private static void requireComparable(String adapter, double[][] rows, double[][] others) {
        if (rows[0].length != others[0].length) {
            throw new CommandException("the first scores of '" + adapter + "' are at " + rows[0].length
                    + " boundaries, and the second ones at " + others[0].length);
        }
        if (Math.min(rows.length, others.length) < 2) {
            throw new CommandException("a comparison of '" + adapter + "' needs two examples or more in both files");
        }
    }

    private static String onlyIn(String which, Map<String, double[][]> scores, Map<String, double[][]> others) {
        List<String> left = scores.keySet().stream()
                .filter(adapter -> !others.containsKey(adapter))
                .toList();
        return left.isEmpty() ? "" : format("only in the %s scores: %s%n", which, String.join(", ", left));
    }

    private String comparison(String adapter, Objective objective, double[][] all, double[][] allOthers) {
        int examples = Math.min(all.length, allOthers.length);
        double[][] rows = Arrays.copyOf(all, examples);
        double[][] others = Arrays.copyOf(allOthers, examples);
        int full = rows[0].length - 1;
        List<Integer> boundaries = simulation.settings().candidates(full);
        int most = boundaries.get(0);
        for (int b : boundaries) {
            if (Math.abs(mean(shifts(rows, others, b))) > Math.abs(mean(shifts(rows, others, most)))) {
                most = b;
            }
        }
        double[] shifts = shifts(rows, others, most);
        double mean = mean(shifts);
        double deviation = Math.sqrt(Arrays.stream(shifts)
                        .map(shift -> (shift - mean) * (shift - mean))
                        .sum()
                / (examples - 1));
        List<List<Integer>> courses = boundariesAfterEachBatch(objective, rows);
        List<List<Integer>> otherCourses = boundariesAfterEachBatch(objective, others);
        int batches = 0;
        int sameBatches = 0;
        int sameLast = 0;
        for (int order = 0; order < ORDERS; order++) {
            List<Integer> course = courses.get(order);
            List<Integer> other = otherCourses.get(order);
            batches += course.size();
            sameBatches += (int) IntStream.range(0, course.size())
                    .filter(i -> course.get(i).equals(other.get(i)))
                    .count();
            sameLast += last(course) == last(other) ? 1 : 0;
        }
        return format(
                "%-24s%-12s%10d%10d%24s%16.4f%13.1f%%%14s  %-24s  %s%n",
                adapter,
                objective.written(),
                examples,
                most,
                format("%+.4f +- %.4f", mean, TWO_SIDED_95 * deviation / Math.sqrt(examples)),
                deviation,
                100.0 * sameBatches / batches,
                sameLast + " of " + ORDERS,
                counts(courses.stream().map(RecordedOrders::last).toList()),
                counts(otherCourses.stream().map(RecordedOrders::last).toList()));
    }

    /** By how much the difference of a boundary to full LoRA differs between two sets of scores, by example. */
    private static double[] shifts(double[][] rows, double[][] others, int boundary) {
        int full = rows[0].length - 1;
        return IntStream.range(0, rows.length)
                .mapToDouble(i -> rows[i][boundary] - rows[i][full] - (others[i][boundary] - others[i][full]))
                .toArray();
    }

    private static double mean(double[] values) {
        return Arrays.stream(values).average().orElseThrow();
    }

    /** The boundary in force after each batch, for each order. */
    private List<List<Integer>> boundariesAfterEachBatch(Objective objective, double[][] rows) {
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
