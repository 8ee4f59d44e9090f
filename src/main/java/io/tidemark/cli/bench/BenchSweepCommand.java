package io.tidemark.cli.bench;

import io.tidemark.benchmark.SweepBenchmark;
import io.tidemark.benchmark.SweepBenchmark.Measured;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.cli.model.AdapterOption;
import io.tidemark.cli.model.ComputeOptions;
import io.tidemark.cli.model.ExamplesOption;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.LocalModelOptions;
import io.tidemark.evaluation.Spread;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code tidemark bench sweep}: compares the boundary sweep with one pass per boundary. */
@Command(
        name = "sweep",
        description = "Compares the calibrator's sweep over all boundaries with one pass per boundary.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Example:",
            "  tidemark bench sweep --model demo/model --adapter demo/adapters/describe \\",
            "      --data demo/data/describe-validation.jsonl --examples 32 --repeat 3"
        })
final class BenchSweepCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Mixin
    private LocalModelOptions model = new LocalModelOptions();

    @Mixin
    private ComputeOptions compute = new ComputeOptions();

    @Mixin
    private AdapterOption adapter = new AdapterOption();

    @Mixin
    private ExamplesOption examples = new ExamplesOption(1, 16);

    @Option(
            names = "--repeat",
            paramLabel = "N",
            defaultValue = "3",
            description = "Runs of each, in turn; the median is printed. Default: ${DEFAULT-VALUE}.")
    private int repeat;

    @Override
    public Integer call() {
        examples.check();
        if (repeat < 1) {
            throw new ParameterException(spec.commandLine(), "--repeat must be 1 or more");
        }
        PrintWriter out = spec.commandLine().getOut();
        try (LocalModel local = model.open(compute.options())) {
            List<TokenizedExample> tokens = examples.tokens(local.language());
            out.printf(
                    "%d examples, %d tokens, %d layers%n",
                    tokens.size(),
                    tokens.stream().mapToInt(TokenizedExample::tokens).sum(),
                    local.layers());
            Measured measured = new SweepBenchmark(local.language(), adapter.load(local), SweepLimits.DEFAULT)
                    .run(tokens, repeat, out::println);
            print(measured, out);
        }
        return 0;
    }

    private static void print(Measured measured, PrintWriter out) {
        out.printf(
                "layer evaluations  sweep %d, one pass each %d, ratio %.4f (1/2 + 1/(L+1) = %.4f)%n",
                measured.sweepEvaluations(),
                measured.passEvaluations(),
                measured.evaluationRatio(),
                0.5 + 1.0 / (measured.layers() + 1));
        out.printf(
                "wall time, median  sweep %.2f s, one pass each %.2f s, ratio %.3f%n",
                Spread.of(measured.sweepSeconds()).median(),
                Spread.of(measured.passSeconds()).median(),
                measured.wallRatio());
        out.printf("largest difference between both scores  %.1e nats per token%n", measured.largestDifference());
    }
}
