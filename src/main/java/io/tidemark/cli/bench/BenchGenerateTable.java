package io.tidemark.cli.bench;

import io.tidemark.benchmark.GenerationBenchmark;
import io.tidemark.benchmark.GenerationBenchmark.RowTimes;
import io.tidemark.benchmark.GenerationCase;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.evaluation.Spread;
import io.tidemark.model.ModelConfig;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** The table of {@code tidemark bench generate}. */
final class BenchGenerateTable {

    private final ModelConfig config;
    private final List<LoraWeights> adapters;
    private final GenerationBenchmark bench;
    private final PrintWriter out;
    private final Random random = new Random(1);

    BenchGenerateTable(ModelConfig config, List<LoraWeights> adapters, GenerationBenchmark bench, PrintWriter out) {
        this.config = config;
        this.adapters = adapters;
        this.bench = bench;
        this.out = out;
    }

    /** Case after case, round after round, so that what disturbs the machine for a while disturbs them all. */
    void print(List<GenerationCase> cases, int rounds) {
        cases.forEach(this::measure);
        Map<GenerationCase, List<List<RowTimes>>> measured = new LinkedHashMap<>();
        for (int round = 0; round < rounds; round++) {
            cases.forEach(line ->
                    measured.computeIfAbsent(line, key -> new ArrayList<>()).add(measure(line)));
        }
        out.printf(
                "%4s  %8s  %6s  %28s  %28s%n",
                "rows", "adapters", "layers", "prefill tokens/s (spread)", "decode tokens/s (spread)");
        measured.forEach((line, runs) -> out.printf(
                "%4d  %8d  %6d  %28s  %28s%n",
                line.rows(),
                line.adapters(),
                line.layers(),
                written(runs.stream()
                        .map(run -> RowTimes.prefillRate(run, line.rows() * line.promptTokens()))
                        .toList()),
                written(runs.stream().map(RowTimes::decodeRate).toList())));
        out.flush();
    }

    private List<RowTimes> measure(GenerationCase line) {
        return bench.measure(line.rows(adapters, config.vocabularySize(), random), line.newTokens());
    }

    private static String written(List<Double> rates) {
        Spread spread = Spread.of(rates);
        return "%.1f (%.1f to %.1f)".formatted(spread.median(), spread.least(), spread.most());
    }
}
