package io.tidemark.cli;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.calibration.BoundaryCurve;
import io.tidemark.calibration.BoundarySweep;
import io.tidemark.calibration.CurveStatistics;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.calibration.SweepRun;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.model.LanguageModel;
import io.tidemark.model.LoraWeights;
import io.tidemark.proof.curve.LayerReadings;
import io.tidemark.proof.curve.Measure;
import io.tidemark.proof.curve.ProbabilityCurve;
import io.tidemark.proof.picture.CharacterPicture;
import io.tidemark.proof.picture.Picture;
import io.tidemark.torch.Torch;
import io.tidemark.torch.TorchOptions;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code tidemark curve}: a boundary read off probability curves, and beside it the one that the sweep finds. */
@Command(
        name = "curve",
        description = "Draws the gold tokens' probability after every layer, with LoRA and without, and suggests a boundary.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Example:",
            "  tidemark curve --model demo/model --adapter demo/adapters/describe-small-data \\",
            "      --data demo/data/describe-validation.jsonl --sweep --pictures pictures"})
final class CurveCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Option(names = "--model", required = true, paramLabel = "DIR", description = "The base model's Hugging Face folder.")
    private Path model;

    @Option(names = "--adapter", required = true, paramLabel = "DIR", description = "The adapter's PEFT folder.")
    private Path adapter;

    @Option(names = "--data", required = true, paramLabel = "FILE.jsonl",
            description = "Validation examples with prompt or messages, and completion.")
    private Path data;

    @Option(names = "--examples", paramLabel = "N", defaultValue = "40", description = "How many of them. Default: ${DEFAULT-VALUE}.")
    private int examples;

    @Option(names = "--measure", paramLabel = "MEASURE", defaultValue = "probability",
            description = "probability, or log_probability, which is what the sweep scores by. Default: ${DEFAULT-VALUE}.")
    private Measure measure;

    @Option(names = "--sweep", description = "Also score every boundary on these examples, and draw that curve.")
    private boolean sweep;

    @Option(names = "--pictures", paramLabel = "DIR",
            description = "Write ADAPTER-probability.svg, and with --sweep ADAPTER-boundary.svg, into this folder.")
    private Optional<Path> pictures = Optional.empty();

    @Mixin
    private ComputeOptions compute = new ComputeOptions();

    @Option(names = "--threads", paramLabel = "N", defaultValue = "0",
            description = "Threads of the engine; 0 takes one a core. Default: ${DEFAULT-VALUE}.")
    private int threads;

    @Override
    public Integer call() {
        if (examples < 2) {
            throw new ParameterException(spec.commandLine(), "--examples must be 2 or more");
        }
        String name = PictureFiles.adapterName(adapter);
        PrintWriter err = spec.commandLine().getErr();
        try (Torch torch = Torch.open(new TorchOptions("cpu", threads));
                LanguageModel language = LanguageModel.load(model, "base", torch, compute.options());
                AdapterStore store = new AdapterStore(language)) {
            LoraWeights lora = store.load("adapter", adapter).weights();
            List<TokenizedExample> tokens = new ExampleFile(data, language).firstTokens(2, examples);
            ProbabilityCurve curve = new ProbabilityCurve(new LayerReadings(language, lora, measure).of(tokens, done -> {
                err.println(done + " of " + tokens.size() + " examples read");
                err.flush();
            }));
            show(CurvePictures.readings(name, curve, measure), name + (measure == Measure.PROBABILITY ? "-probability" : "-log-probability"));
            spec.commandLine().getOut().printf("suggested boundary: %d of %d%n", curve.suggested().layers(), curve.numLayers());
            if (sweep) {
                BoundaryCurve boundaries = swept(language, lora, tokens);
                spec.commandLine().getOut().println();
                show(CurvePictures.boundary(name, boundaries), name + "-boundary");
            }
        }
        return 0;
    }

    private static BoundaryCurve swept(LanguageModel language, LoraWeights lora, List<TokenizedExample> tokens) {
        try (SweepRun run = new BoundarySweep(language, SweepLimits.DEFAULT).start(lora, tokens)) {
            return CurveStatistics.empty(language.config().numLayers()).plus(run.finish()).curve();
        }
    }

    private void show(Picture picture, String name) {
        PrintWriter out = spec.commandLine().getOut();
        out.print(CharacterPicture.of(picture));
        out.flush();
        pictures.ifPresent(folder -> new PictureFiles(folder).write(name, picture));
    }
}
