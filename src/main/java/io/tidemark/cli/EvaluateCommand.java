package io.tidemark.cli;

import io.tidemark.boundary.Boundary;
import io.tidemark.cli.model.AdapterOption;
import io.tidemark.cli.model.ExampleFile;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.LocalModelOptions;
import io.tidemark.evaluation.Evaluation;
import io.tidemark.evaluation.EvaluationOptions;
import io.tidemark.evaluation.EvaluationReport;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code tidemark evaluate}: whether an adapter's boundary helps, on examples that did not choose it. */
@Command(
        name = "evaluate",
        description =
                "Compares full LoRA, the boundary that each objective chooses, half of the layers and the base model.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Example:",
            "  tidemark evaluate --model demo/model --adapter demo/adapters/describe-small-data \\",
            "      --validation demo/data/describe-validation.jsonl --data demo/data/describe-requests.jsonl",
            "Lines hold 'prompt' or 'messages', and 'completion'; texts are compared with 'references', or with the completion.",
            "Where every line has an 'answer', the number behind '####' counts in place of ROUGE-L and BLEU."
        })
final class EvaluateCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Mixin
    private LocalModelOptions model = new LocalModelOptions();

    @Mixin
    private AdapterOption adapter = new AdapterOption();

    @Option(names = "--data", required = true, paramLabel = "FILE.jsonl", description = "Examples to judge by.")
    private Path data;

    @Option(
            names = "--validation",
            required = true,
            paramLabel = "FILE.jsonl",
            description = "Other examples, that the objectives choose their boundaries on.")
    private Path validation;

    @Option(
            names = "--examples",
            paramLabel = "N",
            defaultValue = "100",
            description = "Test examples whose gold text is scored. Default: ${DEFAULT-VALUE}.")
    private int examples;

    @Option(
            names = "--validation-examples",
            paramLabel = "N",
            defaultValue = "40",
            description = "Validation examples to use. Default: ${DEFAULT-VALUE}.")
    private int validationExamples;

    @Option(
            names = "--generate",
            paramLabel = "N",
            defaultValue = "60",
            description = "How many of the test examples get a generated text. Default: ${DEFAULT-VALUE}.")
    private int generate;

    @Option(
            names = "--max-tokens",
            paramLabel = "N",
            defaultValue = "96",
            description = "Of a text. Default: ${DEFAULT-VALUE}.")
    private int maxTokens;

    @Option(
            names = "--stop",
            paramLabel = "TEXT",
            converter = LineBreaks.class,
            description = "Text that ends a generated text; \\n is a line break. May be repeated.")
    private List<String> stop = new ArrayList<>();

    @Option(
            names = "--boundary",
            paramLabel = "LAYERS",
            description = "A boundary to show beside the others; may be repeated.")
    private List<Integer> boundaries = new ArrayList<>();

    @Option(
            names = "--rows",
            paramLabel = "N",
            defaultValue = "16",
            description = "Rows of the running batch. Default: ${DEFAULT-VALUE}.")
    private int rows;

    @Option(
            names = "--speed-runs",
            paramLabel = "N",
            defaultValue = "3",
            description =
                    "Timed runs of 32 tokens a row for each setting, in turn; 0 measures no speed. Default: ${DEFAULT-VALUE}.")
    private int speedRuns;

    @Option(
            names = "--pictures",
            paramLabel = "DIR",
            description = "Write the validation examples' boundary curve into this folder, as ADAPTER-boundary.svg.")
    private Optional<Path> pictures = Optional.empty();

    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            defaultValue = "text",
            description = "text, json or markdown. Default: ${DEFAULT-VALUE}.")
    private ReportFormat format;

    @Override
    public Integer call() {
        EvaluationOptions options = options();
        PrintWriter err = spec.commandLine().getErr();
        try (LocalModel local = model.open()) {
            model.requireBoundaries(local.language(), boundaries);
            Evaluation evaluation = new Evaluation(
                    local.language(), adapter.load(local), options, (done, parts, part) -> err.println(part));
            EvaluationReport report = evaluation.run(
                    new ExampleFile(validation, local.language()).firstTokens(2, validationExamples),
                    new ExampleFile(data, local.language()).first(2, examples));
            pictures.ifPresent(folder -> new PictureFiles(folder)
                    .write(
                            adapter.name() + "-boundary",
                            CurvePictures.boundary(
                                    adapter.name(),
                                    report.validationExamples(),
                                    report.validationCurve(),
                                    report.chosen())));
            spec.commandLine().getOut().print(EvaluationText.of(report, format));
            spec.commandLine().getOut().flush();
        }
        return 0;
    }

    private EvaluationOptions options() {
        if (generate < 2 || maxTokens < 1 || rows < 1 || speedRuns < 0 || examples < 2 || validationExamples < 2) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--examples, --validation-examples and --generate must be 2 or more, "
                            + "--max-tokens and --rows 1 or more, --speed-runs 0 or more");
        }
        return new EvaluationOptions(
                generate,
                maxTokens,
                stop,
                rows,
                speedRuns,
                32,
                boundaries.stream().filter(b -> b >= 0).map(Boundary::new).toList());
    }
}
