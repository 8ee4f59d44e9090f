package io.tidemark.verification;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.Penalties;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.decoder.sampling.TokenMasks;
import io.tidemark.decoder.sampling.TokenSampling;
import io.tidemark.generation.Completion;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.EngineRequest;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.RequestRejectedException;
import io.tidemark.generation.StopConditions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

/**
 * Requests for what no reference output contains and a recording should: every way of sampling, masks,
 * log-probabilities, several choices of a prompt, and prompts whose beginning is in the prefix cache. All adapters are
 * in one batch.
 */
final class SampledRequests {

    private static final EngineLimits LIMITS = new EngineLimits(32, 64, Long.MAX_VALUE, 1 << 26);
    private static final int PROMPT_TOKENS = 80;
    private static final int NEW_TOKENS = 6;

    private static final List<SamplingParams> WAYS = List.of(
            SamplingParams.at(0.8),
            SamplingParams.at(1).withTopP(0.9),
            SamplingParams.at(1).withTopK(40),
            SamplingParams.at(1).withMinP(0.05),
            SamplingParams.GREEDY.withPenalties(new Penalties(1.2, 0.5, 0.1)),
            SamplingParams.at(0.7).withLogitBias(Map.of(3, 2.0)));

    private final LanguageModel model;
    private final List<LoraWeights> adapters;

    SampledRequests(LanguageModel model, List<LoraWeights> adapters) {
        this.model = model;
        this.adapters = adapters;
    }

    /** @throws IllegalStateException if a request fails */
    void run() {
        try (GenerationEngine engine = GenerationEngine.start(model, LIMITS)) {
            // the prompts of the second round are in the prefix cache
            for (int round = 0; round < 2; round++) {
                List<CompletableFuture<Outcome>> outcomes = new ArrayList<>();
                for (int i = 0; i < adapters.size() * WAYS.size(); i++) {
                    outcomes.add(engine.submit(request(i)));
                }
                for (CompletableFuture<Outcome> outcome : outcomes) {
                    if (!(outcome.join() instanceof Completion)) {
                        throw new IllegalStateException("a request of the recording failed: " + outcome.join());
                    }
                }
            }
        } catch (RequestRejectedException e) {
            throw new IllegalStateException("a request of the recording was refused", e);
        }
        maskedStep();
    }

    private EngineRequest request(int index) {
        GenerationParams params = new GenerationParams(
                StopConditions.after(NEW_TOKENS),
                WAYS.get(index % WAYS.size()),
                index,
                1 + index % 2,
                index % 3 == 0 ? OptionalInt.of(3) : OptionalInt.empty());
        LoraWeights adapter = adapters.get(index / WAYS.size());
        return new EngineRequest("sampled-" + index, prompt(), params, Optional.of(adapter), boundary(index));
    }

    /** A step with rows that may take some tokens only, beside one that may take all. */
    private void maskedStep() {
        TokenMasks masks = new TokenMasks(2, model.config().vocabularySize());
        masks.row(0).put(0, 0b1010).put(1, 1 << 9);
        masks.row(1).put(0, 0b100);
        List<TokenSampling> ways = List.of(
                TokenSampling.greedy().withMask(masks.mask(0)),
                TokenSampling.of(SamplingParams.at(1), 0.5).withMask(masks.mask(0)),
                TokenSampling.greedy().withMask(masks.mask(1)),
                TokenSampling.greedy());
        try (KvPool pool = new KvPool(model.decoder().kvCache(), Long.MAX_VALUE)) {
            List<StepRow> rows = new ArrayList<>();
            for (int i = 0; i < ways.size(); i++) {
                rows.add(new StepRow(
                        pool.reserve(PROMPT_TOKENS).orElseThrow(),
                        prompt(),
                        0,
                        Optional.of(adapters.get(i % adapters.size())),
                        boundary(i),
                        Optional.of(ways.get(i))));
            }
            model.decoder().step(rows);
        }
    }

    private List<Integer> prompt() {
        int tokens = Math.min(PROMPT_TOKENS, model.config().contextLength() - NEW_TOKENS);
        return IntStream.range(0, tokens)
                .mapToObj(i -> 7 * i % model.config().vocabularySize())
                .toList();
    }

    private Boundary boundary(int index) {
        return new Boundary(1 + index % model.config().numLayers());
    }
}
