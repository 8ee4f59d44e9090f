package io.tidemark.evaluation;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.generation.Completion;
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

/** Generates greedily for many prompts at once, through the engine that workers use. */
final class Generator {

    private final GenerationEngine engine;
    private final int layers;
    private final LoraWeights lora;

    Generator(GenerationEngine engine, LanguageModel model, LoraWeights lora) {
        this.engine = engine;
        this.layers = model.config().numLayers();
        this.lora = lora;
    }

    /**
     * One choice a prompt, in their order.
     *
     * @param boundary empty for the base model
     * @throws EvaluationFailed when a request is refused or fails
     */
    List<Completion.Choice> run(
            Optional<Boundary> boundary, List<List<Integer>> prompts, StopConditions stopConditions) {
        List<CompletableFuture<Outcome>> outcomes = new ArrayList<>();
        for (List<Integer> prompt : prompts) {
            outcomes.add(submit(new GenerationRequest(
                    "evaluate-" + outcomes.size(),
                    prompt,
                    GenerationParams.greedy(stopConditions),
                    boundary.map(b -> lora),
                    boundary.orElse(Boundary.full(layers)))));
        }
        return outcomes.stream()
                .map(CompletableFuture::join)
                .map(Generator::choice)
                .toList();
    }

    private static Completion.Choice choice(Outcome outcome) {
        if (outcome instanceof Failure failure) {
            throw new EvaluationFailed(failure.id() + ": " + failure.message());
        }
        return ((Completion) outcome).choices().get(0);
    }

    private CompletableFuture<Outcome> submit(GenerationRequest request) {
        try {
            return engine.submit(request);
        } catch (RequestRefused e) {
            throw new EvaluationFailed(request.id() + ": " + e.getMessage());
        }
    }
}
