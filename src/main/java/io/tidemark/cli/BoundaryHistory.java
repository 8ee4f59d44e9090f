package io.tidemark.cli;

import io.tidemark.client.DecisionTopic;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.TopicJson;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tidemark boundaries history ADAPTER}: the decisions of calibrators and operators, one line each. */
@Command(
        name = "history",
        description = "Lists the decisions on an adapter's boundary, newest last, from the topic 'boundary-decisions'.",
        footer = {
            "",
            "Example:",
            "  tidemark boundaries history restaurants --limit 50",
            "LN E / NEEDED is that of the boundary below full LoRA, after the decision or before it.",
            "Decisions that change nothing are recorded at most once a minute by default. The topic keeps decisions",
            "for 30 days."
        })
final class BoundaryHistory extends AdapterBoundaryCommand {

    private static final String ROW = "%-20s  %-9s  %-18s %8s %5s  %-14s %s%n";

    @Option(
            names = "--limit",
            paramLabel = "N",
            description = "The last N decisions, up to 100000. Default: ${DEFAULT-VALUE}.")
    private int limit = 20;

    @Option(names = "--json", description = "Print the JSON records of the topic, one per line.")
    private boolean json;

    @Override
    public Integer call() {
        if (limit < 1 || limit > 100_000) {
            throw wrongUse("--limit must be from 1 to 100000");
        }
        DecisionTopic.History history = cluster().decisions().read(adapter(), limit);
        if (json) {
            history.last()
                    .forEach(decision -> out().println(new String(TopicJson.write(decision), StandardCharsets.UTF_8)));
        } else if (history.last().isEmpty()) {
            out().println("no decision on '" + adapter() + "' in the last 30 days");
        } else {
            print(history.last(), out());
        }
        out().flush();
        warn(history);
        return 0;
    }

    private void warn(DecisionTopic.History history) {
        if (history.total() > history.last().size() && !json) {
            err().println("the last " + history.last().size() + " of " + history.total()
                    + " decisions; --limit shows more");
        }
        if (history.unreadable() > 0) {
            err().println(history.unreadable() + " records of '" + adapter()
                    + "' on 'boundary-decisions' are not decisions, and are left out");
        }
        err().flush();
    }

    private static void print(List<BoundaryDecisionRecord> decisions, PrintWriter out) {
        out.printf(ROW, "TIME", "BOUNDARY", "REASON", "EXAMPLES", "EPOCH", "LN E / NEEDED", "BATCH");
        for (BoundaryDecisionRecord decision : decisions) {
            out.printf(
                    Locale.ROOT,
                    ROW,
                    decision.decidedAt().truncatedTo(ChronoUnit.SECONDS),
                    decision.before() + " → " + decision.boundary(),
                    decision.reason(),
                    decision.epoch().examples(),
                    decision.epoch().number(),
                    logE(decision),
                    batch(decision) + notes(decision));
        }
    }

    private static String logE(BoundaryDecisionRecord decision) {
        int subject = decision.boundary() < decision.version().numLayers() ? decision.boundary() : decision.before();
        return decision.boundaries().stream()
                        .filter(row -> row.boundary() == subject)
                        .flatMapToDouble(row -> row.logE().stream())
                        .mapToObj(value -> String.format(Locale.ROOT, "%.2f", value))
                        .findFirst()
                        .orElse("-")
                + String.format(Locale.ROOT, " / %.2f", decision.certification().threshold());
    }

    /** Where the batch of a decision is. */
    static String batch(BoundaryDecisionRecord decision) {
        return decision.evidence().map(BoundaryRecord.Evidence::position).orElse("-");
    }

    private static String notes(BoundaryDecisionRecord decision) {
        return decision.epoch()
                        .end()
                        .map(end -> "  (end of an epoch: " + end + ")")
                        .orElse("")
                + (decision.published() ? "" : "  (shadow: not published)");
    }
}
