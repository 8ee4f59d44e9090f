package io.tidemark.cli.bench;

import io.tidemark.benchmark.GenerationBenchmark;
import io.tidemark.benchmark.GenerationCase;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.LocalModelOptions;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.generation.EngineLimits;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code tidemark bench generate}: tokens per second by rows, adapters and boundaries. */
@Command(
        name = "generate",
        description = "Measures tokens per second of prefill and decode, by rows, mixed adapters and boundaries.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Example:",
            "  tidemark bench generate --model models/base --adapter adapters/a --adapter adapters/b \\",
            "      --rows 1,8,32 --mixed 0,1,2 --boundary 30,10"
        })
final class BenchGenerateCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Mixin
    private LocalModelOptions model = new LocalModelOptions();

    @Option(names = "--adapter", paramLabel = "DIR", description = "An adapter's PEFT folder; may be repeated.")
    private List<Path> adapters = new ArrayList<>();

    @Option(
            names = "--rows",
            split = ",",
            paramLabel = "N",
            defaultValue = "1,8,32",
            description = "How many rows run beside each other. Default: ${DEFAULT-VALUE}.")
    private List<Integer> rows;

    @Option(
            names = "--mixed",
            split = ",",
            paramLabel = "N",
            defaultValue = "0,1",
            description = "How many adapters the rows share; 0 is the base model. Default: ${DEFAULT-VALUE}.")
    private List<Integer> mixed;

    @Option(
            names = "--boundary",
            split = ",",
            paramLabel = "LAYERS",
            description = "Use the adapters in this many layers. Default: all.")
    private List<Integer> boundaries = new ArrayList<>();

    @Option(
            names = "--prompt-tokens",
            paramLabel = "N",
            defaultValue = "64",
            description = "Default: ${DEFAULT-VALUE}.")
    private int promptTokens;

    @Option(names = "--new-tokens", paramLabel = "N", defaultValue = "64", description = "Default: ${DEFAULT-VALUE}.")
    private int newTokens;

    @Option(
            names = "--repeat",
            paramLabel = "N",
            defaultValue = "3",
            description = "Rounds over all cases, after one to warm up; the median counts. Default: ${DEFAULT-VALUE}.")
    private int repeat;

    @Option(
            names = "--prefill-tokens-per-step",
            paramLabel = "N",
            defaultValue = "2048",
            description = "The most prompt tokens in one step. Default: ${DEFAULT-VALUE}.")
    private int prefillTokensPerStep;

    @Option(
            names = "--kv-bytes",
            paramLabel = "BYTES",
            defaultValue = "4294967296",
            description = "Memory for keys and values. Default: ${DEFAULT-VALUE}.")
    private long kvBytes;

    @Option(
            names = "--questions",
            description = "Answer the questions of bench/run on stdin, one JSON object a line, in place of the table.")
    private boolean questions;

    @Option(
            names = "--check-adapter",
            paramLabel = "DIR",
            description = "With --questions: the adapter of the question 'greedy'.")
    private Optional<Path> checkAdapter = Optional.empty();

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        try (LocalModel local = model.open()) {
            List<GenerationCase> cases = cases(local.language());
            List<LoraWeights> loaded = adapters.stream().map(local::lora).toList();
            try (GenerationBenchmark bench = new GenerationBenchmark(
                    local.language(), new EngineLimits(mostRows(), prefillTokensPerStep, kvBytes))) {
                if (questions) {
                    new BenchQuestions(local.language(), loaded, checkAdapter.map(local::lora), bench)
                            .answer(new InputStreamReader(System.in, StandardCharsets.UTF_8), out);
                } else {
                    new BenchGenerateTable(local.language().config(), loaded, bench, out).print(cases, repeat);
                }
            }
        }
        return 0;
    }

    private int mostRows() {
        return rows.stream().mapToInt(Integer::intValue).max().orElseThrow();
    }

    private List<GenerationCase> cases(LanguageModel language) {
        int most = mixed.stream().mapToInt(Integer::intValue).max().orElseThrow();
        if (!questions && most > adapters.size()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--mixed " + most + " needs as many adapters; " + adapters.size() + " are named with --adapter");
        }
        if (repeat < 1 || newTokens < 2 || promptTokens < 1 || mostRows() < 1) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--repeat, --rows and --prompt-tokens must be 1 or more, --new-tokens 2 or more");
        }
        model.requireBoundaries(language, boundaries);
        List<Integer> layers = boundaries.isEmpty() ? List.of(language.config().numLayers()) : boundaries;
        return GenerationCase.of(rows, mixed, layers, promptTokens, newTokens);
    }
}
