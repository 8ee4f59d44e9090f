package io.tidemark.benchmark;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.generation.Completion;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.generation.RequestRefused;
import io.tidemark.generation.StopConditions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** Runs rows beside each other through the engine that workers use, and takes the time of each. */
public final class GenerationBenchmark implements AutoCloseable {

    private final GenerationEngine engine;
    private long asked;

    /** A row to run: its prompt's tokens, its adapter (none for the base model), and where the adapter ends. */
    public record Row(List<Integer> prompt, Optional<LoraWeights> lora, Boundary boundary) {

        public Row {
            prompt = List.copyOf(prompt);
        }
    }

    public GenerationBenchmark(LanguageModel model, EngineLimits limits) {
        this.engine = GenerationEngine.start(model, limits);
    }

    /**
     * Runs all rows at once, greedily, each for exactly {@code newTokens} tokens whatever they are.
     *
     * @return one entry a row, in their order
     * @throws IllegalStateException when a row is refused or fails
     */
    public List<RowTimes> measure(List<Row> rows, int newTokens) {
        return run(rows, StopConditions.afterExactly(newTokens)).stream()
                .map(RowTimes::of)
                .toList();
    }

    /** The most likely continuation, up to an end-of-sequence token or {@code tokens} tokens. */
    public List<Integer> greedy(Row row, int tokens) {
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

    private List<Completion> run(List<Row> rows, StopConditions stopConditions) {
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

    private CompletableFuture<Outcome> submit(Row row, StopConditions stopConditions) {
        String id = "bench-" + asked++;
        try {
            return engine.submit(new GenerationRequest(
                    id, row.prompt(), GenerationParams.greedy(stopConditions), row.lora(), row.boundary()));
        } catch (RequestRefused e) {
            return CompletableFuture.completedFuture(new Failure(id, e.code(), e.getMessage()));
        }
    }
}
