package io.tidemark.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import io.tidemark.evaluation.EvaluationReport;
import io.tidemark.evaluation.EvaluationReport.Row;
import io.tidemark.evaluation.PairedDifference;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** An evaluation as a table for people, as Markdown, or as JSON. */
final class EvaluationText {

    private EvaluationText() {}

    static String of(EvaluationReport report, ReportFormat format) {
        return switch (format) {
            case JSON -> json(report);
            case MARKDOWN -> markdown(report);
            case TEXT -> text(report);
        };
    }

    private static String json(EvaluationReport report) {
        try {
            return new ObjectMapper()
                            .registerModule(new Jdk8Module())
                            .enable(SerializationFeature.INDENT_OUTPUT)
                            .writeValueAsString(report)
                    + "\n";
        } catch (JsonProcessingException e) {
            throw new CommandFailed("the report could not be written as JSON: " + e.getOriginalMessage(), e);
        }
    }

    private static String markdown(EvaluationReport report) {
        List<List<String>> table = table(report);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < table.size(); i++) {
            text.append("| ").append(String.join(" | ", table.get(i))).append(" |\n");
            if (i == 0) {
                text.append("| --- |")
                        .append(" ---: |".repeat(table.get(0).size() - 1))
                        .append('\n');
            }
        }
        return text.append('\n').append(sources(report)).append('\n').toString();
    }

    private static String text(EvaluationReport report) {
        List<List<String>> table = table(report);
        int[] widths = IntStream.range(0, table.get(0).size())
                .map(column -> table.stream()
                        .mapToInt(row -> row.get(column).length())
                        .max()
                        .orElse(0))
                .toArray();
        String lines = table.stream()
                .map(row -> IntStream.range(0, widths.length)
                        .mapToObj(i -> String.format("%" + (i == 0 ? "-" : "") + widths[i] + "s", row.get(i)))
                        .collect(Collectors.joining("  ")))
                .collect(Collectors.joining("\n"));
        return lines + "\n" + sources(report) + "\n";
    }

    private static List<List<String>> table(EvaluationReport report) {
        boolean answers = report.rows().get(0).exactMatch().isPresent();
        List<List<String>> table = new ArrayList<>();
        table.add(
                answers
                        ? List.of(
                                "setting",
                                "boundary",
                                "log-likelihood",
                                "against full",
                                "right answers",
                                "against full",
                                "tokens a text",
                                "tokens/s")
                        : List.of(
                                "setting",
                                "boundary",
                                "log-likelihood",
                                "against full",
                                "ROUGE-L",
                                "against full",
                                "BLEU",
                                "tokens a text",
                                "tokens/s"));
        for (Row row : report.rows()) {
            List<String> cells = new ArrayList<>(List.of(
                    row.setting(),
                    row.boundary().isPresent() ? row.boundary().getAsInt() + "" : "-",
                    number(OptionalDouble.of(row.logLikelihood()), 3),
                    difference(row.logLikelihoodDifference()),
                    number(answers ? row.exactMatch() : row.rougeL(), 3),
                    difference(row.textDifference())));
            if (!answers) {
                cells.add(number(row.bleu(), 1));
            }
            cells.addAll(List.of(number(OptionalDouble.of(row.meanTokens()), 1), number(row.tokensPerSecond(), 1)));
            table.add(cells);
        }
        return table;
    }

    private static String sources(EvaluationReport report) {
        return String.format(
                Locale.ROOT,
                "%d layers. Boundaries chosen on %d validation examples; log-likelihood per gold token (nats) of %d "
                        + "test examples, texts for %d of them.",
                report.numLayers(),
                report.validationExamples(),
                report.testExamples(),
                report.generatedTexts());
    }

    private static String difference(Optional<PairedDifference> difference) {
        return difference
                .map(d -> String.format(Locale.ROOT, "%+.3f ± %.3f", d.mean(), d.halfWidth95()))
                .orElse("-");
    }

    private static String number(OptionalDouble value, int decimals) {
        return value.isPresent() ? String.format(Locale.ROOT, "%." + decimals + "f", value.getAsDouble()) : "-";
    }
}
