package io.tidemark.benchmark;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.generation.Completion;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.EngineRequest;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.generation.RequestRejectedException;
import io.tidemark.generation.StopConditions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** Runs a batch through the generation engine of the worker and measures the time of each row. */
public final class GenerationBenchmark implements AutoCloseable {

    private final GenerationEngine engine;
    private long submitted;

    /**
     * One sequence of a batch.
     *
     * @param prompt token ids
     * @param lora   empty for the base model
     */
    public record BenchmarkRow(List<Integer> prompt, Optional<LoraWeights> lora, Boundary boundary) {

        public BenchmarkRow {
            prompt = List.copyOf(prompt);
        }
    }

    /**
     * The times of a row's first and last token.
     *
     * @param first  seconds from the submission of the batch to the first token
     * @param last   seconds from the submission of the batch to the last token
     * @param tokens number of generated tokens, the first included
     */
    public record RowTimes(double first, double last, int tokens) {

        static RowTimes of(Completion completion) {
            Completion.Timing timing = completion.timing();
            return new RowTimes(
                    (timing.queuedMs() + timing.firstTokenMs()) / 1000,
                    timing.totalMs() / 1000,
                    completion.usage().completionTokens());
        }

        /**
         * Decoded tokens per second: the sum over the rows of their tokens after the first over the time after the
         * first.
         *
         * @return 0 if no row has more than one token
         */
        public static double decodeRate(List<RowTimes> rows) {
            return rows.stream()
                    .filter(row -> row.tokens > 1)
                    .mapToDouble(row -> (row.tokens - 1) / (row.last - row.first))
                    .sum();
        }

        /** Prompt tokens of all rows over the time until every row has its first token. */
        public static double prefillRate(List<RowTimes> rows, int promptTokens) {
            return promptTokens
                    / rows.stream().mapToDouble(RowTimes::first).max().orElseThrow();
        }
    }

    public GenerationBenchmark(LanguageModel model, EngineLimits limits) {
        this.engine = GenerationEngine.start(model, limits);
    }

    /**
     * Runs all rows at once with greedy sampling. Each row generates exactly {@code newTokens} tokens; the end of
     * sequence is ignored.
     *
     * @return one entry per row, in their order
     * @throws IllegalStateException when a row is refused or fails
     */
    public List<RowTimes> measure(List<BenchmarkRow> rows, int newTokens) {
        return run(rows, StopConditions.afterExactly(newTokens)).stream()
                .map(RowTimes::of)
                .toList();
    }

    /** Returns the greedy continuation, up to an end-of-sequence token or {@code tokens} tokens. */
    public List<Integer> greedy(BenchmarkRow row, int tokens) {
        return run(List.of(row), StopConditions.after(tokens))
                .get(0)
                .choices()
                .get(0)
                .tokens();
    }

    @Override
    public void close() {
        engine.close();
    }

    private List<Completion> run(List<BenchmarkRow> rows, StopConditions stopConditions) {
        List<CompletableFuture<Outcome>> outcomes =
                rows.stream().map(row -> submit(row, stopConditions)).toList();
        List<Completion> completions = new ArrayList<>();
        for (CompletableFuture<Outcome> outcome : outcomes) {
            Outcome ended = outcome.join();
            if (ended instanceof Failure failure) {
                throw new IllegalStateException(failure.code() + ": " + failure.message());
            }
            completions.add((Completion) ended);
        }
        return completions;
    }

    private CompletableFuture<Outcome> submit(BenchmarkRow row, StopConditions stopConditions) {
        String id = "bench-" + submitted++;
        try {
            return engine.submit(new EngineRequest(
                    id, row.prompt(), GenerationParams.greedy(stopConditions), row.lora(), row.boundary()));
        } catch (RequestRejectedException e) {
            return CompletableFuture.completedFuture(new Failure(id, e.code(), e.getMessage()));
        }
    }
}
