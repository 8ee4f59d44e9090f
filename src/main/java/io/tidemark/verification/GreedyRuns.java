package io.tidemark.verification;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.generation.Completion;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.generation.RequestRefused;
import io.tidemark.generation.StopConditions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** Runs every prompt at every boundary of a reference through the generating engine, all in one running batch. */
final class GreedyRuns {

    private static final EngineLimits LIMITS = new EngineLimits(16, 256, 1L << 30);

    private GreedyRuns() {}

    /** For each continuation whether it is the reference's. */
    static List<Boolean> compare(LanguageModel model, LoraWeights lora, Reference reference) {
        List<CompletableFuture<Boolean>> runs = new ArrayList<>();
        try (GenerationEngine engine = GenerationEngine.start(model, LIMITS)) {
            for (Reference.Prompt prompt : reference.prompts()) {
                for (Map.Entry<Boundary, List<Integer>> expected :
                        prompt.greedy().entrySet()) {
                    runs.add(tokens(
                                    engine,
                                    new GenerationRequest(
                                            "verify-" + runs.size(),
                                            prompt.ids(),
                                            GenerationParams.greedy(StopConditions.after(
                                                    expected.getValue().size())),
                                            Optional.of(lora),
                                            expected.getKey()))
                            .thenApply(expected.getValue()::equals));
                }
            }
            return runs.stream().map(CompletableFuture::join).toList();
        }
    }

    private static CompletableFuture<List<Integer>> tokens(GenerationEngine engine, GenerationRequest request) {
        try {
            return engine.submit(request)
                    .thenApply(outcome ->
                            outcome instanceof Completion c ? c.choices().get(0).tokens() : List.of());
        } catch (RequestRefused e) {
            return CompletableFuture.completedFuture(List.of());
        }
    }
}
