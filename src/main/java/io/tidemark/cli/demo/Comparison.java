package io.tidemark.cli.demo;

import io.tidemark.cli.demo.DemoReport.Calibration;
import io.tidemark.cli.demo.DemoReport.Reply;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.commons.text.WordUtils;

/** The two rounds side by side. */
final class Comparison {

    private static final int WIDTH = 50;
    private static final String ROW = "  %-" + WIDTH + "s | %s%n";

    private final Map<String, Calibration> calibrations;

    Comparison(List<Calibration> calibrations) {
        this.calibrations = calibrations.stream().collect(Collectors.toMap(Calibration::adapter, Function.identity()));
    }

    /** One block a request; a column a round. */
    String table(List<Reply> before, List<Reply> after) {
        StringBuilder table = new StringBuilder();
        for (int i = 0; i < before.size(); i++) {
            block(before.get(i), after.get(i), table);
        }
        return table.toString();
    }

    private void block(Reply before, Reply after, StringBuilder table) {
        table.append(String.format("  %s%n", before.adapter()));
        row(
                table,
                "boundary " + before.boundary() + " of " + before.numLayers(),
                "boundary " + after.boundary() + " of " + after.numLayers());
        row(table, goldLogLikelihood(before), goldLogLikelihood(after));
        row(table, speed(before), speed(after));
        List<String> left = wrapped(before.text());
        List<String> right = wrapped(after.text());
        for (int i = 0; i < Math.max(left.size(), right.size()); i++) {
            row(table, i < left.size() ? left.get(i) : "", i < right.size() ? right.get(i) : "");
        }
        table.append(System.lineSeparator());
    }

    /** Both values come from the record's curve: the mean over the validation examples, not over this request. */
    private String goldLogLikelihood(Reply reply) {
        return String.format(
                "gold log-likelihood %.3f nats/token",
                calibrations.get(reply.adapter()).logLikelihood(reply.boundary()));
    }

    private static String speed(Reply reply) {
        return String.format("%d tokens, %.0f tokens/s", reply.completionTokens(), reply.tokensPerSecond());
    }

    private static List<String> wrapped(String text) {
        return WordUtils.wrap(text.strip(), WIDTH, "\n", true).lines().toList();
    }

    private static void row(StringBuilder table, String left, String right) {
        table.append(String.format(ROW, left, right));
    }
}
