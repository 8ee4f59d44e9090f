package io.tidemark.stream.serving;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.EngineRequest;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.RequestRejectedException;
import io.tidemark.generation.StopConditions;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import java.util.Collections;
import java.util.Optional;
import org.jboss.logging.Logger;

/** The base model with its libtorch context, loaded once for all services of the process. */
record LoadedModel(Torch torch, LanguageModel model) implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(LoadedModel.class);
    private static final int WARM_UP_PROMPT = 8;
    /** The second step of a kind runs the code that was optimized in the first. */
    private static final int WARM_UP_TOKENS = 4;
    /** How many prompt tokens a step of the warm-up may have, and how many tokens its KV cache holds. */
    private static final int WARM_UP_PREFILL = 256;

    /**
     * Loads the base model and {@linkplain #warmUp warms it up}. Takes seconds to minutes.
     *
     * @throws RuntimeException that names file and reason when the model can't be loaded, or the thread is interrupted
     */
    static LoadedModel load(ModelChoice choice) {
        Torch torch = Torch.open(choice.torch());
        try {
            LanguageModel model = LanguageModel.load(
                    choice.folder(),
                    choice.name(),
                    torch,
                    new ModelOptions(
                            choice.computeType().resolve(torch.gpuCapability()),
                            choice.deterministic(),
                            choice.kernels()));
            try {
                warmUp(model);
            } catch (RuntimeException e) {
                model.close();
                throw e;
            }
            torch.compactMemory();
            return new LoadedModel(torch, model);
        } catch (RuntimeException e) {
            torch.close();
            throw e;
        }
    }

    /**
     * Generates a few tokens. TorchScript optimizes and compiles the code of a step in its first executions, which
     * takes seconds on busy processors. Without this, a worker would do so when it owns partitions, and their requests
     * would wait.
     */
    private static void warmUp(LanguageModel model) {
        EngineLimits limits =
                new EngineLimits(1, WARM_UP_PREFILL, model.decoder().kvBytesPerToken() * WARM_UP_PREFILL);
        EngineRequest request = new EngineRequest(
                "warm-up",
                Collections.nCopies(WARM_UP_PROMPT, 0),
                GenerationParams.greedy(StopConditions.afterExactly(WARM_UP_TOKENS)),
                Optional.empty(),
                Boundary.full(model.config().numLayers()));
        GenerationEngine engine = GenerationEngine.start(model, limits);
        try {
            if (engine.submit(request).join() instanceof Outcome.Failure failure) {
                throw new IllegalStateException("the model can't generate: " + failure.message());
            }
        } catch (RequestRejectedException e) {
            LOG.warnf("the model is not warmed up: %s", e.getMessage());
        } finally {
            engine.close();
        }
    }

    @Override
    public void close() {
        model.close();
        torch.close();
    }
}
