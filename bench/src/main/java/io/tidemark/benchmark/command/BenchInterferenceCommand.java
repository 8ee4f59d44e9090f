package io.tidemark.benchmark.command;

import io.tidemark.benchmark.InterferenceBenchmark;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.console.NamedFolder;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.LocalModelOptions;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.evaluation.Spread;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code bench/bench interference}: measures the effect of a long prompt on running sequences. */
@Command(
        name = "interference",
        description = "Compares the time between tokens of running sequences without and with a long prompt.",
        footer = {
            "",
            "Example:",
            "  bench/bench interference --model models/base --rows 8 --prompt-tokens 2048 \\",
            "      --prefill-tokens-per-step 64,256"
        })
final class BenchInterferenceCommand extends ConsoleCommand {

    @Mixin
    private LocalModelOptions model = new LocalModelOptions();

    @Option(
            names = "--adapter",
            paramLabel = "[NAME=]DIR",
            description = "PEFT folder of the adapter. Default: the base model.")
    private Optional<NamedFolder> adapter = Optional.empty();

    @Option(names = "--rows", paramLabel = "N", description = "Running sequences. Default: ${DEFAULT-VALUE}.")
    private int rows = 8;

    @Option(
            names = "--prompt-tokens",
            paramLabel = "N",
            description = "Tokens of the long prompt. Default: ${DEFAULT-VALUE}.")
    private int promptTokens = 2048;

    @Option(
            names = "--prefill-tokens-per-step",
            split = ",",
            paramLabel = "N",
            defaultValue = "64,256",
            description = "Maximum number of prompt tokens in one step; one or several. Default: ${DEFAULT-VALUE}.")
    private List<Integer> limits;

    @Option(names = "--repeat", paramLabel = "N", description = "Number of prompts. Default: ${DEFAULT-VALUE}.")
    private int repeat = 3;

    @Override
    public Integer call() {
        if (rows < 1 || promptTokens < 1 || repeat < 1 || Collections.min(limits) < 1) {
            throw wrongUse("--rows, --prompt-tokens, --prefill-tokens-per-step and --repeat must be 1 or more");
        }
        try (LocalModel local = model.open()) {
            Optional<LoraWeights> lora = adapter.map(NamedFolder::folder).map(local::lora);
            InterferenceBenchmark bench = new InterferenceBenchmark(local.language(), lora);
            for (int limit : limits) {
                print(limit, bench.run(rows, promptTokens, limit, repeat));
            }
        } catch (IllegalStateException e) {
            throw new CommandException(e.getMessage(), e);
        }
        return 0;
    }

    private void print(int limit, InterferenceBenchmark.Times times) {
        out().printf(
                        "%d prompt tokens per step: %d rows get a token every %.1f ms alone, every %.1f ms with a prompt of %d "
                                + "tokens (medians);%n",
                        limit,
                        rows,
                        Spread.of(times.alone()).median(),
                        Spread.of(times.beside()).median(),
                        promptTokens);
        out().printf(
                        "  ratio %.2f, worst %.2f; the prompt's first token after %.0f ms%n",
                        times.ratio(),
                        times.worstRatio(),
                        Spread.of(times.promptMillis()).median());
    }
}
