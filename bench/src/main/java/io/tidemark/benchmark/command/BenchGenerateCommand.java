package io.tidemark.benchmark.command;

import io.tidemark.benchmark.GenerationBenchmark;
import io.tidemark.benchmark.GenerationBenchmark.RowTimes;
import io.tidemark.benchmark.GenerationCase;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.console.NamedFolder;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.ModelAndAdapterOptions;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.evaluation.Spread;
import io.tidemark.generation.EngineLimits;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code bench/bench generate}: measures prefill and decode speed by rows, adapters and boundaries. */
@Command(
        name = "generate",
        description = "Measures tokens per second of prefill and decode by rows, adapters and boundaries.",
        footer = {
            "",
            "Example:",
            "  bench/bench generate --model models/base --adapter adapters/a --adapter adapters/b \\",
            "      --rows 1,8,32 --mixed 0,1,2 --boundary 30,10"
        })
final class BenchGenerateCommand extends ConsoleCommand {

    @Mixin
    private ModelAndAdapterOptions model = new ModelAndAdapterOptions();

    @Mixin
    private RequestSizeOptions size = new RequestSizeOptions(64, 2048);

    @Option(
            names = "--rows",
            split = ",",
            paramLabel = "N",
            defaultValue = "1,8,32",
            description = "Sequences in a batch. Default: ${DEFAULT-VALUE}.")
    private List<Integer> rows;

    @Option(
            names = "--mixed",
            split = ",",
            paramLabel = "N",
            defaultValue = "0,1",
            description = "Adapters in a batch; 0: the base model. Default: ${DEFAULT-VALUE}.")
    private List<Integer> mixed;

    @Option(
            names = "--boundary",
            split = ",",
            paramLabel = "LAYERS",
            description = "Apply the adapters in this many of the lowest layers. Default: all.")
    private List<Integer> boundaries = new ArrayList<>();

    @Option(
            names = "--repeat",
            paramLabel = "N",
            description = "Rounds over all cases after one warm-up; the median is printed. Default: ${DEFAULT-VALUE}.")
    private int repeat = 3;

    @Option(
            names = "--kv-bytes",
            paramLabel = "BYTES",
            description = "Memory of the KV cache. Default: ${DEFAULT-VALUE}.")
    private long kvBytes = 4L << 30;

    @Option(
            names = "--questions",
            description =
                    "Answer the questions of bench/run on stdin, one JSON object per line, in place of the table.")
    private boolean questions;

    @Option(
            names = "--check-adapter",
            paramLabel = "[NAME=]DIR",
            description = "With --questions: the adapter of the question 'greedy'.")
    private Optional<NamedFolder> checkAdapter = Optional.empty();

    @Override
    public Integer call() {
        try (LocalModel local = model.open()) {
            List<GenerationCase> cases = cases(local.language());
            List<LoraWeights> loaded = model.loadAdapters(local);
            try (GenerationBenchmark bench = new GenerationBenchmark(
                    local.language(), new EngineLimits(maxRows(), size.prefillTokensPerStep(), kvBytes))) {
                if (questions) {
                    new BenchQuestions(
                                    local.language(),
                                    loaded,
                                    checkAdapter.map(NamedFolder::folder).map(local::lora),
                                    bench)
                            .answer(new InputStreamReader(System.in, StandardCharsets.UTF_8), out());
                } else {
                    print(measure(
                            bench, cases, loaded, local.language().config().vocabularySize()));
                }
            }
        }
        return 0;
    }

    private int maxRows() {
        return rows.stream().mapToInt(Integer::intValue).max().orElseThrow();
    }

    private List<GenerationCase> cases(LanguageModel language) {
        int most = mixed.stream().mapToInt(Integer::intValue).max().orElseThrow();
        if (!questions && most > model.adapters().size()) {
            throw wrongUse("--mixed " + most + " needs as many adapters, and --adapter names "
                    + model.adapters().size());
        }
        if (repeat < 1 || size.newTokens() < 2 || size.promptTokens() < 1 || maxRows() < 1) {
            throw wrongUse("--repeat, --rows and --prompt-tokens must be 1 or more, --new-tokens 2 or more");
        }
        model.requireBoundaries(language, boundaries);
        List<Integer> layers = boundaries.isEmpty() ? List.of(language.config().numLayers()) : boundaries;
        return GenerationCase.of(rows, mixed, layers, size.promptTokens(), size.newTokens());
    }

    /** Measures all cases in every round, so that a disturbance of the machine affects all of them. */
    private Map<GenerationCase, List<List<RowTimes>>> measure(
            GenerationBenchmark bench, List<GenerationCase> cases, List<LoraWeights> loaded, int vocabulary) {
        Random random = new Random(1);
        Map<GenerationCase, List<List<RowTimes>>> measured = new LinkedHashMap<>();
        for (int round = 0; round <= repeat; round++) {
            for (GenerationCase each : cases) {
                List<RowTimes> times = bench.measure(each.rows(loaded, vocabulary, random), each.newTokens());
                if (round > 0) {
                    measured.computeIfAbsent(each, key -> new ArrayList<>()).add(times);
                }
            }
        }
        return measured;
    }

    private void print(Map<GenerationCase, List<List<RowTimes>>> measured) {
        out().printf(
                        "%4s  %8s  %6s  %28s  %28s%n",
                        "rows", "adapters", "layers", "prefill tokens/s (spread)", "decode tokens/s (spread)");
        measured.forEach((each, runs) -> out().printf(
                        "%4d  %8d  %6d  %28s  %28s%n",
                        each.rows(),
                        each.adapters(),
                        each.layers(),
                        format(runs.stream()
                                .map(run -> RowTimes.prefillRate(run, each.rows() * each.promptTokens()))
                                .toList()),
                        format(runs.stream().map(RowTimes::decodeRate).toList())));
        out().flush();
    }

    private static String format(List<Double> rates) {
        Spread spread = Spread.of(rates);
        return "%.1f (%.1f to %.1f)".formatted(spread.median(), spread.min(), spread.max());
    }
}
