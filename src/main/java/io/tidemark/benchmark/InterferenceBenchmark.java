package io.tidemark.benchmark;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.generation.EngineLayout;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.RequestRefused;
import io.tidemark.generation.StopConditions;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.IntStream;

/**
 * Measures what a long prompt does to rows that run beside it. Each of them gets a token in every step, so the time
 * between two of its tokens is the time between two steps. Alone and beside a prompt take turns in one run.
 */
public final class InterferenceBenchmark {

    /** Steps of a turn without a prompt. */
    private static final int STEPS_ALONE = 12;
    /** Steps that don't count after the rows' own prompts. */
    private static final int WARM_UP_STEPS = 6;

    private static final int ROW_PROMPT = 64;

    private final LanguageModel model;
    private final Optional<LoraWeights> lora;

    public InterferenceBenchmark(LanguageModel model, Optional<LoraWeights> lora) {
        this.model = model;
        this.lora = lora;
    }

    /**
     * Runs the rows in one engine instance, and beside them one long prompt after another.
     *
     * @param rows                 rows that decode all the time
     * @param promptTokens         tokens of each prompt
     * @param prefillTokensPerStep the engine's limit
     * @param repetitions          how many prompts
     * @throws IllegalStateException when a row cannot run, as when the model's context is too short
     */
    public Interference run(int rows, int promptTokens, int prefillTokensPerStep, int repetitions) {
        int chunks = (promptTokens - 1) / prefillTokensPerStep + 1;
        int warmUp = WARM_UP_STEPS + rows * ((ROW_PROMPT - 1) / prefillTokensPerStep + 1);
        int newTokens = warmUp + repetitions * (STEPS_ALONE + chunks + 2) + 2;
        long kvBytes = (rows * (ROW_PROMPT + newTokens) + 2L * promptTokens + 1024)
                * 2
                * model.decoder().kvBytesPerToken();
        try (GenerationEngine engine = GenerationEngine.start(
                model,
                new EngineLimits(rows + 1, prefillTokensPerStep, kvBytes),
                EngineLayout.single(model.decoder().threads()))) {
            StepTimes times = new StepTimes(
                    warmUp, STEPS_ALONE, repetitions, left -> submit(engine, tokens(promptTokens, left), 1));
            for (int row = 0; row < rows; row++) {
                submit(engine, tokens(ROW_PROMPT, row), newTokens).thenRun(times::rowEnded);
            }
            engine.runInBackground(times::afterStep);
            return times.measured();
        } catch (CompletionException e) {
            throw new IllegalStateException(
                    "the benchmark could not run: " + e.getCause().getMessage(), e);
        }
    }

    private CompletableFuture<Outcome> submit(GenerationEngine engine, List<Integer> prompt, int newTokens) {
        Boundary boundary = Boundary.full(model.config().numLayers());
        try {
            return engine.submit(new GenerationRequest(
                    "bench", prompt, GenerationParams.greedy(StopConditions.afterExactly(newTokens)), lora, boundary));
        } catch (RequestRefused e) {
            throw new CompletionException(e);
        }
    }

    private List<Integer> tokens(int count, int seed) {
        return IntStream.range(0, count)
                .map(i -> (i * 7919 + seed * 104_729 + 11) % model.config().vocabularySize())
                .boxed()
                .toList();
    }
}
