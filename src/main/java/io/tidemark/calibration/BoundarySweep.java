package io.tidemark.calibration;

import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import java.util.List;

/**
 * Scores examples at every boundary in one pass over the layers. The state with LoRA in all layers below {@code l} is
 * shared by all boundaries of {@code l} and above; each boundary leaves it at its own layer and goes on with base
 * weights. That takes {@code L(L+1)/2 + L} layer evaluations in place of the {@code L(L+1)} of separate passes, and all
 * states that are in the same layer share its matrix products.
 */
public final class BoundarySweep {

    private final LanguageModel model;
    private final SweepLimits limits;

    public BoundarySweep(LanguageModel model, SweepLimits limits) {
        this.model = model;
        this.limits = limits;
    }

    /**
     * Begins a sweep; {@link SweepRun#runSlice} does the work.
     *
     * @throws IllegalArgumentException when there is no example, or one is longer than the model's context
     */
    public SweepRun start(LoraWeights weights, List<TokenizedExample> examples) {
        return start(weights, examples, SweepBoundaries.all(model.config().numLayers()));
    }

    /**
     * Sweeps at once, for those that may stand still.
     *
     * @throws IllegalArgumentException as above
     */
    public BoundaryCurve curve(LoraWeights weights, List<TokenizedExample> examples) {
        try (SweepRun run = start(weights, examples)) {
            return CurveStatistics.empty(model.config().numLayers())
                    .plus(run.finish())
                    .curve();
        }
    }

    /** Searches at a few boundaries only, all at once; see {@link CoarseSearch} for what that can miss. */
    public CoarseSearch.Found search(
            LoraWeights weights, List<TokenizedExample> examples, Objective objective, int every) {
        int layers = model.config().numLayers();
        return new CoarseSearch(layers, every).find(objective, some -> {
            try (SweepRun run = start(weights, examples, new SweepBoundaries(layers, some))) {
                run.finishAll();
                return run.means();
            }
        });
    }

    /** Begins a sweep over some boundaries only. */
    SweepRun start(LoraWeights weights, List<TokenizedExample> examples, SweepBoundaries boundaries) {
        int context = model.config().contextLength();
        for (TokenizedExample example : examples) {
            if (example.tokens() > context) {
                throw new IllegalArgumentException(
                        "an example has " + example.tokens() + " tokens, more than the model's context of " + context);
            }
        }
        return new SweepRun(model.decoder().forced(weights), batches(examples), boundaries, limits);
    }

    /** At least one batch a thread, where there are as many examples. */
    private List<ExampleBatch> batches(List<TokenizedExample> examples) {
        int all = examples.stream().mapToInt(TokenizedExample::tokens).sum();
        return ExampleBatch.of(
                examples,
                limits.threads() == 1
                        ? limits.tokensPerBatch()
                        : Math.min(limits.tokensPerBatch(), all) / limits.threads());
    }
}
