package io.tidemark.cli;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.model.LanguageModel;
import io.tidemark.proof.SweepBenchmark;
import io.tidemark.proof.SweepBenchmark.Measured;
import io.tidemark.torch.Torch;
import io.tidemark.torch.TorchOptions;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code tidemark bench sweep}: one pass over all boundaries against one pass each. */
@Command(
        name = "sweep",
        description = "Compares the calibrator's one sweep over all boundaries with one pass for each boundary.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  tidemark bench sweep --model demo/model --adapter demo/adapters/describe \\",
            "      --data demo/data/describe-validation.jsonl --examples 32 --repeat 3"})
final class BenchSweepCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Option(names = "--model", required = true, paramLabel = "DIR", description = "The base model's Hugging Face folder.")
    private Path model;

    @Option(names = "--adapter", required = true, paramLabel = "DIR", description = "The adapter's PEFT folder.")
    private Path adapter;

    @Option(names = "--data", required = true, paramLabel = "FILE.jsonl", description = "Examples with prompt and completion.")
    private Path data;

    @Option(names = "--examples", paramLabel = "N", defaultValue = "16", description = "How many of them. Default: ${DEFAULT-VALUE}.")
    private int examples;

    @Option(names = "--repeat", paramLabel = "N", defaultValue = "3",
            description = "Runs of each, in turn; the median counts. Default: ${DEFAULT-VALUE}.")
    private int repeat;

    @Option(names = "--threads", paramLabel = "N", defaultValue = "0",
            description = "Threads of the engine; 0 takes one a core. Default: ${DEFAULT-VALUE}.")
    private int threads;

    @Mixin
    private ComputeOptions compute = new ComputeOptions();

    @Override
    public Integer call() {
        if (examples < 1 || repeat < 1) {
            throw new ParameterException(spec.commandLine(), "--examples and --repeat must be 1 or more");
        }
        PrintWriter out = spec.commandLine().getOut();
        try (Torch torch = Torch.open(new TorchOptions("cpu", threads));
                LanguageModel language = LanguageModel.load(model, model.toAbsolutePath().normalize().getFileName().toString(), torch, compute.options());
                AdapterStore store = new AdapterStore(language)) {
            List<TokenizedExample> tokens = new ExampleFile(data, language).firstTokens(1, examples);
            out.printf("%d examples, %d tokens, %d layers%n", tokens.size(), tokens.stream().mapToInt(TokenizedExample::tokens).sum(),
                    language.config().numLayers());
            Measured measured = new SweepBenchmark(language, store.load("adapter", adapter).weights(), SweepLimits.DEFAULT)
                    .run(tokens, repeat, line -> {
                        out.println(line);
                        out.flush();
                    });
            print(measured, out);
        }
        return 0;
    }

    private static void print(Measured measured, PrintWriter out) {
        out.printf("layer evaluations  sweep %d, one pass each %d, ratio %.4f (1/2 + 1/(L+1) = %.4f)%n", measured.sweepEvaluations(),
                measured.passEvaluations(), measured.evaluationRatio(), 0.5 + 1.0 / (measured.layers() + 1));
        out.printf("wall time, median  sweep %.2f s, one pass each %.2f s, ratio %.3f%n", Measured.median(measured.sweepSeconds()),
                Measured.median(measured.passSeconds()), measured.wallRatio());
        out.printf("largest difference between both scores  %.1e nats per token%n", measured.largestDifference());
        out.flush();
    }
}
