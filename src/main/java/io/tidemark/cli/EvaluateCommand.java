package io.tidemark.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.rule.BoundaryRule;
import io.tidemark.cli.console.BoundaryPlots;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.console.Progress;
import io.tidemark.cli.model.AdapterOption;
import io.tidemark.cli.model.DataFile;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.LocalModelOptions;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.evaluation.Evaluation;
import io.tidemark.evaluation.Evaluation.ScaledLora;
import io.tidemark.evaluation.EvaluationOptions;
import io.tidemark.evaluation.EvaluationReport;
import io.tidemark.evaluation.EvaluationReport.EvaluatedSetting;
import io.tidemark.evaluation.PairedDifference;
import io.tidemark.grammar.CompiledGrammar;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code tidemark evaluate}: compares an adapter at several boundaries on held-out examples. */
@Command(
        name = "evaluate",
        description =
                "Compares full LoRA, the boundaries that are chosen from a curve, half of the layers, scaled LoRA and the "
                        + "base model.",
        footer = {
            "",
            "Example:",
            "  tidemark evaluate --model demo/model --adapter demo/adapters/describe-small-data \\",
            "      --validation demo/data/describe-validation.jsonl --data demo/data/describe-requests.jsonl",
            "A line has 'prompt' or 'messages', and 'completion'. Texts are compared with 'references' if present,",
            "otherwise with the completion.",
            "If every line has an 'answer', the number after '####' replaces ROUGE-L and BLEU."
        })
final class EvaluateCommand extends ConsoleCommand {

    private static final int SPEED_TOKENS = 32;
    private static final int MAX_SCALE = 2;
    private static final double MILLIS_PER_SECOND = 1000;

    @Mixin
    private LocalModelOptions model = new LocalModelOptions();

    @Mixin
    private AdapterOption adapter = new AdapterOption();

    @Option(names = "--data", required = true, paramLabel = "FILE.jsonl", description = "The test examples.")
    private Path data;

    @Option(
            names = "--validation",
            required = true,
            paramLabel = "FILE.jsonl",
            description = "Other examples, on which the boundaries are chosen.")
    private Path validation;

    @Option(
            names = "--examples",
            paramLabel = "N",
            description = "Use only the first N test examples. Default: ${DEFAULT-VALUE}.")
    private int examples = 100;

    @Option(
            names = "--validation-examples",
            paramLabel = "N",
            description = "Use only the first N validation examples. Default: ${DEFAULT-VALUE}.")
    private int validationExamples = 40;

    @Option(
            names = "--generate",
            paramLabel = "N",
            description = "Generate a text for the first N test examples. Default: ${DEFAULT-VALUE}.")
    private int generate = 60;

    @Option(
            names = "--max-tokens",
            paramLabel = "N",
            description = "Maximum number of tokens of a text. Default: ${DEFAULT-VALUE}.")
    private int maxTokens = 96;

    @Option(
            names = "--stop",
            paramLabel = "TEXT",
            converter = PromptOptions.LineBreaks.class,
            description = "A stop string; \\n is a line break. May be repeated.")
    private List<String> stop = new ArrayList<>();

    @Option(
            names = "--boundary",
            paramLabel = "LAYERS",
            description = "A boundary to evaluate in addition; may be repeated.")
    private List<Integer> boundaries = new ArrayList<>();

    @Option(
            names = "--scale",
            paramLabel = "FACTOR",
            split = ",",
            description = "Factors that multiply lora_alpha of all LoRA, above 0 and at most " + MAX_SCALE
                    + ", for example 0.25,0.5,0.75. Each is evaluated in addition, in all layers. 1 is full LoRA.")
    private List<Double> scales = new ArrayList<>();

    @Option(
            names = "--rows",
            paramLabel = "N",
            description = "Maximum number of sequences in a batch. Default: ${DEFAULT-VALUE}.")
    private int rows = 16;

    @Option(
            names = "--speed-runs",
            paramLabel = "N",
            description = "Timed runs of " + SPEED_TOKENS
                    + " tokens per sequence for each setting, in turn; 0: no speed. Default: ${DEFAULT-VALUE}.")
    private int speedRuns = 3;

    @Option(
            names = "--pictures",
            paramLabel = "DIR",
            description =
                    "Write the boundary curve of the validation examples to this folder, as ADAPTER-boundary.svg.")
    private Optional<Path> pictures = Optional.empty();

    @ArgGroup(heading = "The format of all texts:%n")
    private FormatOptions textFormat = new FormatOptions();

    @ArgGroup
    private Format format = new Format();

    /** The format of the report; text by default. */
    static final class Format {

        @Option(names = "--json", description = "Print the report as JSON, with all values.")
        private boolean json;

        @Option(names = "--markdown", description = "Print the report as a Markdown table.")
        private boolean markdown;
    }

    @Override
    public Integer call() {
        EvaluationOptions options = options();
        try (LocalModel local = model.open()) {
            model.requireBoundaries(local.language(), boundaries);
            EvaluationReport report = evaluateInFormat(local, options);
            pictures.ifPresent(folder -> BoundaryPlots.write(
                    folder,
                    adapter.name() + "-boundary",
                    BoundaryPlots.boundary(
                            adapter.name(), report.validationExamples(), report.validationCurve(), report.chosen())));
            out().print(format.json ? json(report) : format.markdown ? markdown(report) : text(report));
            out().flush();
        }
        return 0;
    }

    private EvaluationOptions options() {
        if (generate < 2 || maxTokens < 1 || rows < 1 || speedRuns < 0 || examples < 2 || validationExamples < 2) {
            throw wrongUse("--examples, --validation-examples and --generate must be 2 or more, "
                    + "--max-tokens and --rows 1 or more, --speed-runs 0 or more");
        }
        if (!scales.stream().allMatch(scale -> scale > 0 && scale <= MAX_SCALE)) {
            throw wrongUse("--scale must be numbers above 0 and at most " + MAX_SCALE + ", not " + scales);
        }
        return new EvaluationOptions(
                generate,
                maxTokens,
                stop,
                rows,
                speedRuns,
                SPEED_TOKENS,
                boundaries.stream().filter(b -> b >= 0).map(Boundary::new).toList());
    }

    private EvaluationReport evaluateInFormat(LocalModel local, EvaluationOptions options) {
        Optional<CompiledGrammar> grammar =
                textFormat.compiled(model.folder(), local.language().config());
        try {
            return evaluate(local, options.withGrammar(grammar));
        } finally {
            grammar.ifPresent(CompiledGrammar::close);
        }
    }

    private EvaluationReport evaluate(LocalModel local, EvaluationOptions options) {
        try (Progress progress = Progress.start("percent", 100, err())) {
            LoraWeights lora = adapter.load(local);
            List<ScaledLora> scaled = scales.stream()
                    .distinct()
                    .map(scale -> new ScaledLora(scale, scale == 1 ? lora : adapter.load(local, scale)))
                    .toList();
            Evaluation evaluation = new Evaluation(
                    local.language(),
                    lora,
                    scaled,
                    options,
                    (done, parts, part) -> progress.stepTo(100L * done / parts, part));
            return evaluation.run(
                    new DataFile(validation).tokenized(local.language(), 2, validationExamples),
                    new DataFile(data).examples(local.language(), 2, examples),
                    BoundaryRule.ofDefaults(local.layers()));
        }
    }

    private static String json(EvaluationReport report) {
        try {
            return new ObjectMapper()
                            .registerModule(new Jdk8Module())
                            .enable(SerializationFeature.INDENT_OUTPUT)
                            .writeValueAsString(report)
                    + "\n";
        } catch (JsonProcessingException e) {
            throw new CommandException("the report could not be written as JSON: " + e.getOriginalMessage(), e);
        }
    }

    private String markdown(EvaluationReport report) {
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
        return text.append('\n').append(caption(report)).append('\n').toString();
    }

    private String text(EvaluationReport report) {
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
        return lines + "\n" + caption(report) + "\n";
    }

    /** The header and one row per setting. */
    private static List<List<String>> table(EvaluationReport report) {
        boolean answers = report.rows().get(0).exactMatch().isPresent();
        List<List<String>> table = new ArrayList<>();
        List<String> header = new ArrayList<>(List.of("setting", "boundary", "log-likelihood", "against full"));
        header.addAll(answers ? List.of("right answers", "against full") : List.of("ROUGE-L", "against full", "BLEU"));
        if (report.constrained()) {
            header.add("cut");
        }
        header.addAll(List.of("tokens a text", "ms a text", "tokens/s"));
        table.add(header);
        for (EvaluatedSetting row : report.rows()) {
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
            if (report.constrained()) {
                cells.add(Long.toString(row.cutTexts()));
            }
            cells.addAll(List.of(
                    number(OptionalDouble.of(row.meanTokens()), 1),
                    number(millis(row.secondsPerText()), 1),
                    number(row.tokensPerSecond(), 1)));
            table.add(cells);
        }
        return table;
    }

    private String caption(EvaluationReport report) {
        return String.format(
                Locale.ROOT,
                "%d layers. Boundaries chosen on %d validation examples; log-likelihood per gold token (nats) of %d "
                        + "test examples, texts for %d of them.%s%s%n%n%s",
                report.numLayers(),
                report.validationExamples(),
                report.testExamples(),
                report.generatedTexts(),
                textFormat.given().map(this::formatNote).orElse(""),
                bestScale(report),
                report.calibrator());
    }

    private String formatNote(String option) {
        return " The texts have the format of " + option + "; those that " + maxTokens
                + " tokens cut (column 'cut') may be only its beginning."
                + (speedRuns > 0 ? " The times are those of tokens without a format." : "");
    }

    private static String bestScale(EvaluationReport report) {
        OptionalDouble scale = report.bestScale();
        return scale.isEmpty()
                ? ""
                : " Of full LoRA and the scales, " + (scale.getAsDouble() == 1 ? "full LoRA" : scale.getAsDouble())
                        + " has the highest log-likelihood on the validation examples.";
    }

    private static OptionalDouble millis(OptionalDouble seconds) {
        return seconds.isPresent() ? OptionalDouble.of(seconds.getAsDouble() * MILLIS_PER_SECOND) : seconds;
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
