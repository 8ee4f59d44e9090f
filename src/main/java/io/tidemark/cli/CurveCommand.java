package io.tidemark.cli;

import io.tidemark.calibration.BoundaryCurve;
import io.tidemark.calibration.BoundarySweep;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.cli.model.AdapterOption;
import io.tidemark.cli.model.ExamplesOption;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.LocalModelOptions;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.evaluation.ProbabilityCurve;
import io.tidemark.evaluation.ProbabilityCurve.Measure;
import io.tidemark.plot.CharacterPlot;
import io.tidemark.plot.Plot;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code tidemark curve}: a boundary read off probability curves, and beside it the one that the sweep finds. */
@Command(
        name = "curve",
        description =
                "Draws the gold tokens' probability after every layer, with LoRA and without, and suggests a boundary.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Example:",
            "  tidemark curve --model demo/model --adapter demo/adapters/describe-small-data \\",
            "      --data demo/data/describe-validation.jsonl --sweep --pictures pictures"
        })
final class CurveCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

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
            description =
                    "probability, or log_probability, which is what the sweep scores by. Default: ${DEFAULT-VALUE}.")
    private Measure measure;

    @Option(names = "--sweep", description = "Also score every boundary on these examples, and draw that curve.")
    private boolean sweep;

    @Option(
            names = "--pictures",
            paramLabel = "DIR",
            description = "Write ADAPTER-probability.svg, and with --sweep ADAPTER-boundary.svg, into this folder.")
    private Optional<Path> pictures = Optional.empty();

    @Override
    public Integer call() {
        examples.check();
        String name = adapter.name();
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        try (LocalModel local = model.open()) {
            LoraWeights lora = adapter.load(local);
            List<TokenizedExample> tokens = examples.tokens(local.language());
            ProbabilityCurve curve = ProbabilityCurve.measure(
                    local.language(),
                    lora,
                    measure,
                    tokens,
                    done -> err.println(done + " of " + tokens.size() + " examples read"));
            show(
                    CurvePictures.readings(name, curve, measure),
                    name + (measure == Measure.PROBABILITY ? "-probability" : "-log-probability"));
            out.printf("suggested boundary: %d of %d%n", curve.suggested().layers(), curve.numLayers());
            if (sweep) {
                BoundaryCurve boundaries = new BoundarySweep(local.language(), SweepLimits.DEFAULT).curve(lora, tokens);
                out.println();
                show(CurvePictures.boundary(name, boundaries), name + "-boundary");
            }
        }
        return 0;
    }

    private void show(Plot picture, String name) {
        PrintWriter out = spec.commandLine().getOut();
        out.print(CharacterPlot.of(picture));
        out.flush();
        pictures.ifPresent(folder -> new PictureFiles(folder).write(name, picture));
    }
}
