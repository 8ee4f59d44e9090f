package io.tidemark.cli.bench;

import io.tidemark.benchmark.InterferenceBenchmark;
import io.tidemark.cli.CommandFailed;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.LocalModelOptions;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.evaluation.Spread;
import java.io.PrintWriter;
import java.nio.file.Path;
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

/** {@code tidemark bench interference}: the time between tokens of running rows, without and with a long prompt. */
@Command(
        name = "interference",
        description = "Compares the time between tokens of running rows without and with a long prompt beside them.",
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

    @Option(
            names = "--adapter",
            paramLabel = "DIR",
            description = "An adapter's PEFT folder. Default: the base model alone.")
    private Optional<Path> adapter = Optional.empty();

    @Option(
            names = "--rows",
            paramLabel = "N",
            defaultValue = "8",
            description = "Rows that run all the time. Default: ${DEFAULT-VALUE}.")
    private int rows;

    @Option(
            names = "--prompt-tokens",
            paramLabel = "N",
            defaultValue = "2048",
            description = "Of the long prompt. Default: ${DEFAULT-VALUE}.")
    private int promptTokens;

    @Option(
            names = "--prefill-tokens-per-step",
            split = ",",
            paramLabel = "N",
            defaultValue = "64,256",
            description = "The engine's limit; one line for each. Default: ${DEFAULT-VALUE}.")
    private List<Integer> limits;

    @Option(
            names = "--repeat",
            paramLabel = "N",
            defaultValue = "3",
            description = "Prompts, with steps of the rows alone before each. Default: ${DEFAULT-VALUE}.")
    private int repeat;

    @Override
    public Integer call() {
        if (rows < 1 || promptTokens < 1 || repeat < 1 || Collections.min(limits) < 1) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--rows, --prompt-tokens, --prefill-tokens-per-step and --repeat must be 1 or more");
        }
        PrintWriter out = spec.commandLine().getOut();
        try (LocalModel local = model.open()) {
            Optional<LoraWeights> lora = adapter.map(local::lora);
            InterferenceBenchmark bench = new InterferenceBenchmark(local.language(), lora);
            for (int limit : limits) {
                print(limit, bench.run(rows, promptTokens, limit, repeat), out);
            }
        } catch (IllegalStateException e) {
            throw new CommandFailed(e.getMessage(), e);
        }
        return 0;
    }

    private void print(int limit, InterferenceBenchmark.Times seen, PrintWriter out) {
        out.printf(
                "%d prompt tokens a step: %d rows get a token every %.1f ms alone, every %.1f ms beside a prompt of %d tokens (medians);%n",
                limit,
                rows,
                Spread.of(seen.alone()).median(),
                Spread.of(seen.beside()).median(),
                promptTokens);
        out.printf(
                "  ratio %.2f, worst %.2f; the prompt's first token after %.0f ms%n",
                seen.ratio(), seen.worstRatio(), Spread.of(seen.promptMillis()).median());
    }
}
