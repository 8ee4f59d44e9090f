package io.tidemark.benchmark.command;

import io.tidemark.benchmark.calibration.CalibrationSimulation;
import io.tidemark.benchmark.calibration.ComparedRule;
import io.tidemark.benchmark.calibration.RuleResult;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The results of {@code bench calibration} as tables. */
final class CalibrationReport {

    private final CalibrationSimulation simulation;
    private final List<RuleResult> results;

    CalibrationReport(CalibrationSimulation simulation, List<RuleResult> results) {
        this.simulation = simulation;
        this.results = List.copyOf(results);
    }

    /** Three tables with a row for each world and objective, and columns for the rules. */
    String tables() {
        double alpha = simulation.settings().alpha();
        StringBuilder text = new StringBuilder(format(
                "%d streams of %d examples, batches of %d to %d; alpha %s, margin %s, loss cap %s, gain cap %s%n",
                simulation.streams(),
                simulation.examples(),
                simulation.minBatch(),
                simulation.maxBatch(),
                alpha,
                simulation.settings().margin(),
                simulation.settings().lossCap(),
                simulation.settings().gainCap()));
        text.append(format(
                "%nShare of streams that ever move to a harmful boundary; e-process: at most %s + %.3f where bounded%n",
                alpha, 3 * Math.sqrt(alpha * (1 - alpha) / simulation.streams())));
        text.append(header("bounded"));
        rows().forEach((row, rules) -> {
            text.append(row).append(format("%-12s", rules.get(0).isBounded() ? "yes" : "no"));
            rules.forEach(each -> text.append(format("%12.3f", each.harmShare())));
            text.append(format("%n"));
        });
        text.append(
                format("%nRegret in nats per token / moves per stream / median examples to the first move (share)%n"));
        text.append(format("%-32s%-16s", "world", "objective"));
        for (ComparedRule rule : ComparedRule.values()) {
            text.append(format("%32s", rule.title()));
        }
        text.append(format("%n"));
        rows().forEach((row, rules) -> {
            text.append(row);
            rules.forEach(each -> text.append(format(
                    "%10.4f %6.1f %6s (%.2f)",
                    each.regret(), each.moves(), median(each.firstMoves()), each.movedShare())));
            text.append(format("%n"));
        });
        text.append(
                format(
                        "%nDrift: share of the streams whose boundary became harmful that left it / median examples until then%n"));
        text.append(header("exposed"));
        rows().forEach((row, rules) -> {
            if (rules.stream().anyMatch(each -> each.exposedStreams() > 0)) {
                text.append(row).append(format("%-12s", exposed(rules)));
                rules.forEach(each -> text.append(format(
                        "%12s",
                        each.exposedStreams() == 0
                                ? "-"
                                : format(
                                        "%.2f/%s",
                                        (double) each.delays().size() / each.exposedStreams(),
                                        median(each.delays())))));
                text.append(format("%n"));
            }
        });
        text.append(
                format("%nFalse alarms of the e-process rule per 10,000 examples; at most %.2f%n", falseAlarmLimit()));
        rows().forEach((row, rules) -> {
            RuleResult own = rules.get(ComparedRule.E_PROCESS.ordinal());
            if (own.watchedExamples() > 0) {
                text.append(row).append(format("%.3f%n", own.falseAlarmsPer10k()));
            }
        });
        return text.toString();
    }

    private double falseAlarmLimit() {
        return 10_000 / simulation.settings().falseAlarmExamples();
    }

    private static String exposed(List<RuleResult> rules) {
        return String.join(
                "/",
                rules.stream()
                        .map(each -> String.valueOf(each.exposedStreams()))
                        .toList());
    }

    private static String header(String column) {
        StringBuilder text = new StringBuilder(format("%-32s%-16s%-12s", "world", "objective", column));
        for (ComparedRule rule : ComparedRule.values()) {
            text.append(format("%12s", rule.title()));
        }
        return text.append(format("%n")).toString();
    }

    /** The results of all rules by world and objective. */
    private Map<String, List<RuleResult>> rows() {
        Map<String, List<RuleResult>> rows = new LinkedHashMap<>();
        results.forEach(each -> rows.computeIfAbsent(
                        format("%-32s%-16s", each.world(), each.objective()), row -> new ArrayList<>())
                .add(each));
        return rows;
    }

    private static String median(List<Long> ascending) {
        return ascending.isEmpty() ? "-" : String.valueOf(ascending.get(ascending.size() / 2));
    }

    private static String format(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
