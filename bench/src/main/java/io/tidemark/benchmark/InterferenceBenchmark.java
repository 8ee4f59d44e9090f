package io.tidemark.benchmark;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.evaluation.Spread;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.EngineRequest;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.RequestRejectedException;
import io.tidemark.generation.StopConditions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * Measures the effect of a long prompt on running rows. Every row gets a token in every step, so the time between two
 * tokens is the time between two steps. Steps without and with a prompt alternate in one run.
 */
public final class InterferenceBenchmark {

    /** Steps without a prompt before each prompt. */
    private static final int STEPS_ALONE = 12;
    /** Steps after the rows' own prompts that are not measured. */
    private static final int WARM_UP_STEPS = 6;

    private static final int ROW_PROMPT = 64;

    private final LanguageModel model;
    private final Optional<LoraWeights> lora;

    public InterferenceBenchmark(LanguageModel model, Optional<LoraWeights> lora) {
        this.model = model;
        this.lora = lora;
    }

    /**
     * Runs the rows and adds one long prompt after another.
     *
     * @param rows                 number of rows that decode all the time
     * @param promptTokens         tokens of each prompt
     * @param prefillTokensPerStep the engine's limit
     * @param repetitions          number of prompts
     * @throws IllegalStateException when a row cannot run, for example because the context is too short
     */
    public Times run(int rows, int promptTokens, int prefillTokensPerStep, int repetitions) {
        int chunks = (promptTokens - 1) / prefillTokensPerStep + 1;
        int warmUp = WARM_UP_STEPS + rows * ((ROW_PROMPT - 1) / prefillTokensPerStep + 1);
        int newTokens = warmUp + repetitions * (STEPS_ALONE + chunks + 2) + 2;
        long kvBytes = (rows * (ROW_PROMPT + newTokens) + 2L * promptTokens + 1024)
                * 2
                * model.decoder().kvBytesPerToken();
        try (GenerationEngine engine =
                GenerationEngine.start(model, new EngineLimits(rows + 1, prefillTokensPerStep, kvBytes))) {
            StepTimer times = new StepTimer(warmUp, repetitions, left -> submit(engine, tokens(promptTokens, left), 1));
            for (int row = 0; row < rows; row++) {
                submit(engine, tokens(ROW_PROMPT, row), newTokens).thenRun(times::rowEnded);
            }
            engine.runInBackground(times::afterStep);
            return times.await();
        } catch (CompletionException e) {
            throw new IllegalStateException(
                    "the benchmark could not run: " + e.getCause().getMessage(), e);
        }
    }

    private CompletableFuture<Outcome> submit(GenerationEngine engine, List<Integer> prompt, int newTokens) {
        Boundary boundary = Boundary.full(model.config().numLayers());
        try {
            return engine.submit(new EngineRequest(
                    "bench", prompt, GenerationParams.greedy(StopConditions.afterExactly(newTokens)), lora, boundary));
        } catch (RequestRejectedException e) {
            throw new CompletionException(e);
        }
    }

    private List<Integer> tokens(int count, int seed) {
        return IntStream.range(0, count)
                .map(i -> (i * 7919 + seed * 104_729 + 11) % model.config().vocabularySize())
                .boxed()
                .toList();
    }

    /**
     * The times between two tokens of a running row, in milliseconds.
     *
     * @param alone        times while no prompt is processed
     * @param beside       times while a long prompt is processed in the same steps
     * @param promptMillis time from the submission of a prompt to its first token, one entry per prompt
     */
    public record Times(List<Double> alone, List<Double> beside, List<Double> promptMillis) {

        public Times {
            alone = List.copyOf(alone);
            beside = List.copyOf(beside);
            promptMillis = List.copyOf(promptMillis);
        }

        /** The median with a prompt over the median without. */
        public double ratio() {
            return Spread.of(beside).median() / Spread.of(alone).median();
        }

        /** The longest time with a prompt over the median without. */
        public double worstRatio() {
            return Spread.of(beside).max() / Spread.of(alone).median();
        }
    }

    /**
     * Measures the time from one step to the next, alternately without and with a prompt. All methods except
     * {@link #await} run on the engine's thread.
     */
    private static final class StepTimer {

        private final CompletableFuture<Times> measured = new CompletableFuture<>();
        private final List<Double> alone = new ArrayList<>();
        private final List<Double> beside = new ArrayList<>();
        private final List<Double> promptMillis = new ArrayList<>();
        private final IntFunction<CompletableFuture<Outcome>> submitPrompt;
        private int promptsLeft;
        private int stepsLeft;
        private boolean warm;
        private boolean prompting;
        private CompletableFuture<Outcome> prompt = new CompletableFuture<>();
        private long promptNanos;
        private long lastNanos;

        /** @param submitPrompt submits a prompt to the engine; its argument is the number of prompts left */
        StepTimer(int warmUp, int prompts, IntFunction<CompletableFuture<Outcome>> submitPrompt) {
            this.stepsLeft = warmUp;
            this.promptsLeft = prompts;
            this.submitPrompt = submitPrompt;
        }

        Times await() {
            return measured.join();
        }

        /** Fails the measurement unless it is complete: all rows must run until then. */
        void rowEnded() {
            measured.completeExceptionally(new IllegalStateException("a row ended early"));
        }

        /** Returns true if there is more to measure. */
        boolean afterStep() {
            long now = System.nanoTime();
            double millis = (now - lastNanos) / 1e6;
            lastNanos = now;
            try {
                if (prompting) {
                    beside.add(millis);
                    if (prompt.isDone()) {
                        promptMillis.add((now - promptNanos) / 1e6);
                        prompting = false;
                        stepsLeft = STEPS_ALONE;
                    }
                } else {
                    afterStepAlone(millis, now);
                }
            } catch (CompletionException e) {
                measured.completeExceptionally(e);
            }
            if (promptsLeft == 0 && !prompting) {
                measured.complete(new Times(alone, beside, promptMillis));
            }
            return !measured.isDone();
        }

        private void afterStepAlone(double millis, long now) {
            if (warm) {
                alone.add(millis);
            }
            if (--stepsLeft > 0) {
                return;
            }
            if (!warm) {
                warm = true;
                stepsLeft = STEPS_ALONE;
                return;
            }
            promptsLeft--;
            prompt = submitPrompt.apply(promptsLeft);
            promptNanos = now;
            prompting = true;
        }
    }
}
