package io.tidemark.benchmark.command;

import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.calibration.sweep.BoundarySweep;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.calibration.sweep.SweepRun;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.console.Progress;
import io.tidemark.cli.model.AdapterOption;
import io.tidemark.cli.model.ExamplesOption;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.LocalModelOptions;
import io.tidemark.decoder.lora.LoraWeights;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code bench/bench scores}: writes the scores of examples, from which a simulation of calibration draws. */
@Command(
        name = "scores",
        description = "Writes the log-likelihood of each example at every boundary to a file.",
        footer = {
            "",
            "Each line has the adapter, and the mean log-probability per gold token of an example in nats at the",
            "boundaries 0 to L: describe,-2.605144,… Files of several adapters can be concatenated for",
            "bench/bench calibration --scores.",
            "",
            "Example:",
            "  bench/bench scores --model demo/model --adapter demo/adapters/describe \\",
            "      --data demo/data/describe-validation.jsonl --examples 64 --out describe.csv"
        })
final class BenchScoresCommand extends ConsoleCommand {

    /** Examples that are scored together: the states of a sweep take memory. */
    private static final int PART = 16;

    @Mixin
    private LocalModelOptions model = new LocalModelOptions();

    @Mixin
    private AdapterOption adapter = new AdapterOption();

    @Mixin
    private ExamplesOption examples = new ExamplesOption(1, 400);

    @Option(names = "--out", required = true, paramLabel = "FILE", description = "The file to write.")
    private Path out;

    @Override
    public Integer call() {
        examples.check();
        try (LocalModel local = model.open();
                Writer file = Files.newBufferedWriter(out)) {
            List<TokenizedExample> tokens = examples.tokens(local.language());
            LoraWeights lora = adapter.load(local);
            BoundarySweep sweep = new BoundarySweep(local.language(), SweepLimits.DEFAULT);
            try (Progress progress = Progress.start("examples", tokens.size(), err())) {
                for (int from = 0; from < tokens.size(); from += PART) {
                    int to = Math.min(from + PART, tokens.size());
                    try (SweepRun run = sweep.start(lora, tokens.subList(from, to))) {
                        for (ExampleScore score : run.finish()) {
                            file.write(line(adapter.name(), score));
                        }
                    }
                    file.flush();
                    progress.stepTo(to, to + " of " + tokens.size() + " examples");
                }
            }
        } catch (IOException e) {
            throw new CommandException("can't write " + out, e);
        }
        return 0;
    }

    private static String line(String adapter, ExampleScore score) {
        return score.meanLogprobByBoundary().stream()
                .map(value -> String.format(Locale.ROOT, "%.6f", value))
                .collect(Collectors.joining(",", adapter + ",", "\n"));
    }
}
