package io.tidemark.cli;

import io.tidemark.calibration.rule.EProcesses;
import io.tidemark.cli.console.BoundaryPlots;
import io.tidemark.cli.console.CommandException;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.BoundaryDecisionRecord.Epoch;
import io.tidemark.message.BoundaryDecisionRecord.EvidenceRow;
import io.tidemark.message.DroppedBoundary;
import io.tidemark.message.HarmTestRecord;
import io.tidemark.message.UncountedExamples;
import io.tidemark.plot.CharacterPlot;
import java.io.PrintWriter;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import picocli.CommandLine.Command;

/** {@code tidemark boundaries explain ADAPTER}: the last decision with its evidence. */
@Command(
        name = "explain",
        description = "Shows the evidence of the last decision: the curve, certified boundaries, and what others need.",
        footer = {
            "",
            "Example:",
            "  tidemark boundaries explain restaurants",
            "A boundary is certified when ln E is at least the number beside it. The number of further examples",
            "assumes that the sums of the test grow on as they did on average."
        })
final class BoundaryExplanation extends AdapterBoundaryCommand {

    private static final String ROW = "%8s  %9s  %-20s %-16s %s%n";

    @Override
    public Integer call() {
        List<BoundaryDecisionRecord> last =
                cluster().decisions().read(adapter(), 1).last();
        if (last.isEmpty()) {
            throw new CommandException("no decision on '" + adapter() + "' in the last 30 days; a calibrator decides"
                    + " after each validation batch ('tidemark calibrate')");
        }
        print(last.get(0), out());
        out().flush();
        return 0;
    }

    static void print(BoundaryDecisionRecord decision, PrintWriter out) {
        Epoch epoch = decision.epoch();
        HarmTestRecord test = decision.test();
        boolean isReset = decision.reason().equals(BoundaryDecisionRecord.RESET);
        out.println("'" + decision.adapter() + "', decision of "
                + decision.decidedAt().truncatedTo(ChronoUnit.SECONDS)
                + decision.evidence()
                        .map(batch -> " after batch " + printable(batch.batchId()) + " ("
                                + BoundaryHistory.batch(decision) + ")")
                        .orElse(isReset ? " by an operator" : ""));
        out.println("boundary " + decision.before() + " → " + decision.boundary() + " of "
                + decision.version().numLayers()
                + ", reason " + decision.reason() + ", objective " + decision.objective() + ", move " + decision.move()
                + (decision.published() ? "" : "; shadow mode: not published"));
        out.printf(
                Locale.ROOT,
                "epoch %d, %d examples in %d batches%s; margin %s, loss cap %s, gain cap %s, alpha %s%n",
                epoch.number(),
                epoch.examples(),
                epoch.batches(),
                epoch.end().map(end -> ", ended: " + end).orElse(""),
                test.margin(),
                test.lossCap(),
                test.gainCap(),
                decision.certification().alpha());
        UncountedExamples uncounted = epoch.uncounted();
        if (!uncounted.equals(UncountedExamples.NONE)) {
            out.println("not counted: " + uncounted.repeats() + " examples that were counted before"
                    + (uncounted.repeatedGroups() > 0
                            ? " or are of " + uncounted.repeatedGroups() + " groups that were"
                            : "")
                    + ", " + uncounted.refused()
                    + " refused (too long, or their score with full LoRA is not finite)");
        }
        decision.conflict().ifPresent(conflict -> out.println("another calibrator has other settings: " + conflict));
        if (decision.reason().equals("other_compute_type")) {
            out.println("a calibrator of another compute type than "
                    + decision.version().computeType()
                    + " decides, because its record applies; 'tidemark boundaries unset " + decision.adapter()
                    + "' ends that");
        }
        if (decision.watch().value() > 0) {
            out.printf(
                    Locale.ROOT,
                    "watch of boundary %d: %.1f; it is withdrawn at %.0f%n",
                    decision.before(),
                    decision.watch().value(),
                    decision.watch().threshold());
        }
        out.println();
        if (decision.boundaries().isEmpty()) {
            out.println("no evidence: the epoch begins without examples");
            return;
        }
        out.print(CharacterPlot.of(BoundaryPlots.differences(decision, decision.before())));
        out.println();
        table(decision, out);
        out.println();
        if (epoch.end().isPresent()) {
            out.println("This epoch has ended. The next one begins without examples.");
        }
        out.println("± is half of a plain 95% interval. It describes the examples; it is not valid at a chosen time,");
        out.println("and no decision uses it.");
    }

    private static void table(BoundaryDecisionRecord decision, PrintWriter out) {
        out.printf(ROW, "BOUNDARY", "MEAN", "DIFFERENCE", "LN E / NEEDED", "FURTHER EXAMPLES");
        for (EvidenceRow row : decision.boundaries()) {
            out.printf(
                    ROW,
                    row.boundary(),
                    String.format(Locale.ROOT, "%.4f", row.mean()),
                    row.logE().isEmpty()
                            ? "-"
                            : String.format(Locale.ROOT, "%+.4f", row.difference())
                                    + (row.interval().isPresent()
                                            ? String.format(
                                                    Locale.ROOT,
                                                    " ± %.4f",
                                                    row.interval().getAsDouble())
                                            : ""),
                    row.logE().isEmpty()
                            ? "-"
                            : String.format(
                                    Locale.ROOT,
                                    "%.2f / %.2f",
                                    row.logE().getAsDouble(),
                                    decision.certification().threshold()),
                    further(decision, row));
        }
        for (DroppedBoundary row : decision.dropped()) {
            out.printf(
                    ROW,
                    row.boundary(),
                    "-",
                    String.format(Locale.ROOT, "%+.4f", row.difference()),
                    String.format(
                            Locale.ROOT,
                            "%.2f / %.2f",
                            row.logE(),
                            decision.certification().threshold()),
                    "dropped after " + row.examples() + " until the next epoch");
        }
    }

    private static String further(BoundaryDecisionRecord decision, EvidenceRow row) {
        if (row.logE().isEmpty()) {
            return "full LoRA";
        }
        if (row.certified()) {
            return "certified";
        }
        if (row.sums().isEmpty()) {
            return "unknown";
        }
        Epoch epoch = decision.epoch();
        OptionalLong more = EProcesses.examplesTo(
                decision.certification().threshold(), row.sums().get(), epoch.examples());
        if (more.isEmpty()) {
            return "not with examples as so far";
        }
        return more.getAsLong() + " more"
                + (epoch.examples() + more.getAsLong() > epoch.maxExamples() ? ", longer than an epoch" : "");
    }

    /** The text of a sender without control characters. */
    private static String printable(String text) {
        return text.replaceAll("\\p{Cntrl}", "?");
    }
}
