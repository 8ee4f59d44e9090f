package io.tidemark.cli;

import io.tidemark.calibration.curve.BoundaryCurve;
import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.calibration.rule.BoundaryRule;
import io.tidemark.calibration.rule.OfflineDecision;
import io.tidemark.calibration.sweep.BoundarySweep;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.cli.console.BoundaryPlots;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.console.Progress;
import io.tidemark.cli.model.AdapterOption;
import io.tidemark.cli.model.ExamplesOption;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.LocalModelOptions;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.evaluation.ProbabilityCurve;
import io.tidemark.evaluation.ProbabilityCurve.Measure;
import io.tidemark.plot.CharacterPlot;
import io.tidemark.plot.Plot;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code tidemark curve}: a boundary from probability curves, and the curve of the boundary sweep for comparison. */
@Command(
        name = "curve",
        description =
                "Plots the gold tokens' probability after every layer, with LoRA and without, and suggests a boundary.",
        footer = {
            "",
            "Example:",
            "  tidemark curve --model demo/model --adapter demo/adapters/describe-small-data \\",
            "      --data demo/data/describe-validation.jsonl --sweep --pictures pictures",
            "No text is generated: 'tidemark evaluate' measures length and time of texts at a boundary."
        })
final class CurveCommand extends ConsoleCommand {

    @Mixin
    private LocalModelOptions model = new LocalModelOptions();

    @Mixin
    private AdapterOption adapter = new AdapterOption();

    @Mixin
    private ExamplesOption examples = new ExamplesOption(2, 40);

    @Option(
            names = "--measure",
            paramLabel = "MEASURE",
            defaultValue = "probability",
            description = "probability, or log_probability, which the boundary sweep uses. Default: ${DEFAULT-VALUE}.")
    private Measure measure;

    @Option(
            names = "--sweep",
            description =
                    "Also score every boundary on these examples, plot that curve, and print a calibrator's decision.")
    private boolean sweep;

    @Option(
            names = "--pictures",
            paramLabel = "DIR",
            description = "Write ADAPTER-probability.svg, and with --sweep ADAPTER-boundary.svg, to this folder.")
    private Optional<Path> pictures = Optional.empty();

    @Override
    public Integer call() {
        examples.check();
        String name = adapter.name();
        try (LocalModel local = model.open()) {
            LoraWeights lora = adapter.load(local);
            List<TokenizedExample> tokens = examples.tokens(local.language());
            ProbabilityCurve curve = measure(local, lora, tokens);
            show(
                    BoundaryPlots.probability(name, curve, measure),
                    name + (measure == Measure.PROBABILITY ? "-probability" : "-log-probability"));
            out().printf("suggested boundary: %d of %d%n", curve.suggested().layers(), curve.numLayers());
            if (sweep) {
                List<ExampleScore> scores =
                        new BoundarySweep(local.language(), SweepLimits.DEFAULT).scores(lora, tokens);
                BoundaryCurve boundaries =
                        CurveStatistics.empty(local.layers()).plus(scores).curve();
                out().println();
                show(BoundaryPlots.boundary(name, boundaries), name + "-boundary");
                out().println(OfflineDecision.of(BoundaryRule.ofDefaults(local.layers()), tokens, scores)
                        .written());
                out().flush();
            }
        }
        return 0;
    }

    private ProbabilityCurve measure(LocalModel local, LoraWeights lora, List<TokenizedExample> tokens) {
        try (Progress progress = Progress.start("examples", tokens.size(), err())) {
            return ProbabilityCurve.measure(
                    local.language(),
                    lora,
                    measure,
                    tokens,
                    done -> progress.stepTo(done, done + " of " + tokens.size() + " examples"));
        }
    }

    private void show(Plot plot, String name) {
        out().print(CharacterPlot.of(plot));
        out().flush();
        pictures.ifPresent(folder -> BoundaryPlots.write(folder, name, plot));
    }
}
