package io.tidemark.benchmark.command;

import io.tidemark.benchmark.SweepBenchmark;
import io.tidemark.benchmark.SweepBenchmark.Measured;
import io.tidemark.benchmark.SweepBenchmark.Timed;
import io.tidemark.calibration.rule.Candidates;
import io.tidemark.calibration.rule.RuleSettings;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.model.AdapterOption;
import io.tidemark.cli.model.ExamplesOption;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.LocalModelOptions;
import io.tidemark.evaluation.Spread;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code bench/bench sweep}: compares the boundary sweep with one pass per boundary, and sets of candidates. */
@Command(
        name = "sweep",
        description = "Compares the calibrator's sweep over all boundaries with one pass per boundary, or with sweeps"
                + " over candidates.",
        footer = {
            "",
            "Example:",
            "  bench/bench sweep --model demo/model --adapter demo/adapters/describe \\",
            "      --data demo/data/describe-validation.jsonl --examples 32 --repeat 3"
        })
final class BenchSweepCommand extends ConsoleCommand {

    @Mixin
    private LocalModelOptions model = new LocalModelOptions();

    @Mixin
    private AdapterOption adapter = new AdapterOption();

    @Mixin
    private ExamplesOption examples = new ExamplesOption(1, 16);

    @Option(
            names = "--repeat",
            paramLabel = "N",
            description = "Runs of each, in turn; the median is printed. Default: ${DEFAULT-VALUE}.")
    private int repeat = 3;

    @Option(
            names = "--candidates",
            paramLabel = "N",
            split = ",",
            description = "Compares sweeps over these numbers of evenly spaced boundaries, such as 8,16,31, in place of"
                    + " separate passes; a number above that of the layers means all.")
    private List<Integer> candidates = List.of();

    @Override
    public Integer call() {
        examples.check();
        if (repeat < 1) {
            throw wrongUse("--repeat must be 1 or more");
        }
        try (LocalModel local = model.open()) {
            List<TokenizedExample> tokens = examples.tokens(local.language());
            out().printf(
                            "%d examples, %d tokens, %d layers%n",
                            tokens.size(),
                            tokens.stream().mapToInt(TokenizedExample::tokens).sum(),
                            local.layers());
            SweepBenchmark benchmark = new SweepBenchmark(local.language(), adapter.load(local), SweepLimits.DEFAULT);
            if (candidates.isEmpty()) {
                print(benchmark.compareWithPasses(tokens, repeat, out()::println));
            } else {
                List<Timed> sweeps = benchmark.compareSets(tokens, sets(local.layers()), repeat, out()::println);
                print(sweeps, tokens.size(), local.language().decoder().threads());
            }
        }
        return 0;
    }

    private List<List<Integer>> sets(int layers) {
        try {
            return candidates.stream()
                    .map(count -> RuleSettings.DEFAULT
                            .withCandidates(Optional.of(Candidates.evenly(count)))
                            .candidates(layers))
                    .toList();
        } catch (IllegalArgumentException e) {
            throw wrongUse("--" + e.getMessage());
        }
    }

    private void print(List<Timed> sweeps, int examples, int cores) {
        for (Timed sweep : sweeps) {
            Spread seconds = Spread.of(sweep.seconds());
            out().printf(
                            "%d boundaries  %d layer evaluations, %.3f s an example (%.3f to %.3f), %.2f examples a second and"
                                    + " core%n",
                            sweep.boundaries().size(),
                            sweep.layerEvaluations(),
                            seconds.median() / examples,
                            seconds.min() / examples,
                            seconds.max() / examples,
                            examples / seconds.median() / cores);
        }
    }

    private void print(Measured measured) {
        out().printf(
                        "layer evaluations  sweep %d, one pass each %d, ratio %.4f (1/2 + 1/(L+1) = %.4f)%n",
                        measured.sweepEvaluations(),
                        measured.passEvaluations(),
                        measured.evaluationRatio(),
                        0.5 + 1.0 / (measured.layers() + 1));
        out().printf(
                        "wall time, median  sweep %.2f s, one pass each %.2f s, ratio %.3f%n",
                        Spread.of(measured.sweepSeconds()).median(),
                        Spread.of(measured.passSeconds()).median(),
                        measured.wallRatio());
        out().printf("largest difference between both scores  %.1e nats per token%n", measured.largestDifference());
    }
}
