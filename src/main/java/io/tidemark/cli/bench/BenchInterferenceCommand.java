package io.tidemark.cli.bench;

import io.tidemark.benchmark.InterferenceBenchmark;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.NamedFolder;
import io.tidemark.cli.model.ComputeOptions;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.LocalModelOptions;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.evaluation.Spread;
import java.io.PrintWriter;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code tidemark bench interference}: measures the effect of a long prompt on running sequences. */
@Command(
        name = "interference",
        description = "Compares the time between tokens of running sequences without and with a long prompt.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Example:",
            "  tidemark bench interference --model models/base --rows 8 --prompt-tokens 2048 \\",
            "      --prefill-tokens-per-step 64,256"
        })
final class BenchInterferenceCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Mixin
    private LocalModelOptions model = new LocalModelOptions();

    @Mixin
    private ComputeOptions compute = new ComputeOptions();

    @Option(
            names = "--adapter",
            paramLabel = "[NAME=]DIR",
            converter = NamedFolder.Converter.class,
            description = "PEFT folder of the adapter. Default: the base model.")
    private Optional<NamedFolder> adapter = Optional.empty();

    @Option(
            names = "--rows",
            paramLabel = "N",
            defaultValue = "8",
            description = "Running sequences. Default: ${DEFAULT-VALUE}.")
    private int rows;

    @Option(
            names = "--prompt-tokens",
            paramLabel = "N",
            defaultValue = "2048",
            description = "Tokens of the long prompt. Default: ${DEFAULT-VALUE}.")
    private int promptTokens;

    @Option(
            names = "--prefill-tokens-per-step",
            split = ",",
            paramLabel = "N",
            defaultValue = "64,256",
            description = "Maximum number of prompt tokens in one step; one or several. Default: ${DEFAULT-VALUE}.")
    private List<Integer> limits;

    @Option(
            names = "--repeat",
            paramLabel = "N",
            defaultValue = "3",
            description = "Number of prompts. Default: ${DEFAULT-VALUE}.")
    private int repeat;

    @Override
    public Integer call() {
        if (rows < 1 || promptTokens < 1 || repeat < 1 || Collections.min(limits) < 1) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--rows, --prompt-tokens, --prefill-tokens-per-step and --repeat must be 1 or more");
        }
        PrintWriter out = spec.commandLine().getOut();
        try (LocalModel local = model.open(compute.options())) {
            Optional<LoraWeights> lora = adapter.map(NamedFolder::folder).map(local::lora);
            InterferenceBenchmark bench = new InterferenceBenchmark(local.language(), lora);
            for (int limit : limits) {
                print(limit, bench.run(rows, promptTokens, limit, repeat), out);
            }
        } catch (IllegalStateException e) {
            throw new CommandException(e.getMessage(), e);
        }
        return 0;
    }

    private void print(int limit, InterferenceBenchmark.Times times, PrintWriter out) {
        out.printf(
                "%d prompt tokens per step: %d rows get a token every %.1f ms alone, every %.1f ms with a prompt of %d "
                        + "tokens (medians);%n",
                limit,
                rows,
                Spread.of(times.alone()).median(),
                Spread.of(times.beside()).median(),
                promptTokens);
        out.printf(
                "  ratio %.2f, worst %.2f; the prompt's first token after %.0f ms%n",
                times.ratio(),
                times.worstRatio(),
                Spread.of(times.promptMillis()).median());
    }
}
