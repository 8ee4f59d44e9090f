package io.tidemark.cli.demo;

import io.tidemark.cli.console.BoundaryPlots;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.BoundaryDecisionRecord.EvidenceRow;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.plot.IntervalPlot;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The decisions on one adapter and their evidence as text: what was decided after which batch, and how certain it is.
 *
 * @param decisions the newest last, one or more, each with the boundaries of its epoch
 */
record DecisionEvidence(List<BoundaryDecisionRecord> decisions) {

    private static final String ROW = "  %8s  %5s  %-24s  %-8s  %6s  %-13s  %s%n";

    DecisionEvidence {
        decisions = List.copyOf(decisions);
    }

    private BoundaryDecisionRecord last() {
        return decisions.get(decisions.size() - 1);
    }

    /** The differences to full LoRA of the last decision. */
    IntervalPlot plot() {
        return BoundaryPlots.differences(last(), decisions.get(0).before());
    }

    /** A line for each decision. */
    String table() {
        StringBuilder table = new StringBuilder(String.format(
                ROW, "EXAMPLES", "EPOCH", "AFTER BATCH", "BOUNDARY", "TESTED", "LN E / NEEDED", "DIFFERENCE"));
        decisions.forEach(decision -> table.append(line(decision)));
        return table.toString();
    }

    private static String line(BoundaryDecisionRecord decision) {
        Optional<EvidenceRow> tested = tested(decision);
        return String.format(
                ROW,
                decision.epoch().examples(),
                decision.epoch().number(),
                decision.evidence().map(BoundaryRecord.Evidence::position).orElse("-"),
                decision.changesBoundary()
                        ? decision.before() + " → " + decision.boundary()
                        : "stays " + decision.boundary(),
                tested.map(row -> Integer.toString(row.boundary())).orElse("-"),
                tested.map(row -> String.format(
                                Locale.ROOT,
                                "%.2f / %.2f",
                                row.logE().getAsDouble(),
                                decision.certification().threshold()))
                        .orElse("-"),
                tested.map(DecisionEvidence::difference).orElse("-"));
    }

    /** The boundary in force after the decision; with full LoRA, the one that is closest to being certified. */
    private static Optional<EvidenceRow> tested(BoundaryDecisionRecord decision) {
        Optional<EvidenceRow> inForce = decision.boundaries().stream()
                .filter(row ->
                        row.boundary() == decision.boundary() && row.logE().isPresent())
                .findFirst();
        return inForce.or(() -> decision.boundaries().stream()
                .filter(row -> row.logE().isPresent())
                .max(Comparator.comparingDouble(row -> row.logE().getAsDouble())));
    }

    private static String difference(EvidenceRow row) {
        return String.format(Locale.ROOT, "%+.3f", row.difference())
                + (row.interval().isPresent()
                        ? String.format(Locale.ROOT, " ± %.3f", row.interval().getAsDouble())
                        : "");
    }

    /** What the columns of the table mean. */
    String explanation() {
        BoundaryDecisionRecord last = last();
        return String.format(
                Locale.ROOT,
                "  A boundary is certified when ln E reaches the number beside it. With a probability of at least %s%%,"
                        + " none that%n  is ever chosen is worse than full LoRA by more than %s nats per token"
                        + " (differences capped at -%s and +%s).%n"
                        + "  TESTED is the boundary in force, or the one closest to being certified. DIFFERENCE is its"
                        + " mean difference to%n  full LoRA with a plain 95%% interval, which is descriptive: no"
                        + " decision uses it.%n",
                plain(100 * (1 - last.certification().alpha())),
                plain(last.test().margin()),
                plain(last.test().lossCap()),
                plain(last.test().gainCap()));
    }

    private static String plain(double value) {
        return String.format(Locale.ROOT, "%.6f", value).replaceAll("\\.?0+$", "");
    }

    /** What happened to the boundary, as a sentence without its full stop. */
    String verdict(int boundaryBefore) {
        BoundaryDecisionRecord last = last();
        String place = last.boundary() + " of " + last.version().numLayers() + " layers";
        if (last.boundary() != boundaryBefore) {
            return "On 'adapter-boundaries': the boundary of '" + last.adapter() + "' moves from " + boundaryBefore
                    + " to " + place;
        }
        boolean isAlone = last.boundaries().stream()
                .noneMatch(row -> row.certified() && row.logE().isPresent());
        return "The boundary of '" + last.adapter() + "' stays at " + place
                + (isAlone ? "; none below it is certified" : "");
    }
}
