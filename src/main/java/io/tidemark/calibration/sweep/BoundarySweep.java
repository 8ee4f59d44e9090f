package io.tidemark.calibration.sweep;

import io.tidemark.calibration.curve.BoundaryCurve;
import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.TeacherForcing;
import io.tidemark.decoder.lora.LoraWeights;
import java.util.Collection;
import java.util.List;
import java.util.TreeSet;

/**
 * Scores examples at every boundary in one pass over the layers. All boundaries of {@code l} and above share the state
 * with LoRA in the layers below {@code l}; at its own layer, each boundary branches off and continues with base
 * weights. This takes {@code L(L+1)/2 + L} layer evaluations instead of the {@code L(L+1)} of separate passes. If
 * the examples of a batch are too few to fill a matrix product, several boundaries share it. Immutable and thread-safe.
 */
public final class BoundarySweep {

    private final LanguageModel model;
    private final SweepLimits limits;

    public BoundarySweep(LanguageModel model, SweepLimits limits) {
        this.model = model;
        this.limits = limits;
    }

    /**
     * Prepares a sweep; {@link SweepRun#runSlice} or {@link SweepRun#run} runs it.
     *
     * @throws IllegalArgumentException if there is no example, or one exceeds the context length of the model
     */
    public SweepRun start(LoraWeights weights, List<TokenizedExample> examples) {
        return start(weights, examples, SweepBoundaries.all(model.config().numLayers()));
    }

    /**
     * Prepares a sweep over some of the boundaries.
     *
     * @param boundaries two or more
     * @throws IllegalArgumentException as {@link #start(LoraWeights, List)}, or if a boundary is not one of the model's
     */
    public SweepRun start(LoraWeights weights, List<TokenizedExample> examples, Collection<Integer> boundaries) {
        return start(weights, examples, new SweepBoundaries(model.config().numLayers(), new TreeSet<>(boundaries)));
    }

    /**
     * Runs a sweep on the calling thread, and returns the scores in the order of the examples.
     *
     * @throws IllegalArgumentException as {@link #start(LoraWeights, List)}
     */
    public List<ExampleScore> scores(LoraWeights weights, List<TokenizedExample> examples) {
        try (SweepRun run = start(weights, examples)) {
            return run.finish();
        }
    }

    /** The curve of {@link #scores}. */
    public BoundaryCurve curve(LoraWeights weights, List<TokenizedExample> examples) {
        return CurveStatistics.empty(model.config().numLayers())
                .plus(scores(weights, examples))
                .curve();
    }

    /** Prepares a sweep over a subset of the boundaries. */
    SweepRun start(LoraWeights weights, List<TokenizedExample> examples, SweepBoundaries boundaries) {
        int context = model.config().contextLength();
        for (TokenizedExample example : examples) {
            if (example.tokens() > context) {
                throw new IllegalArgumentException("an example has " + example.tokens()
                        + " tokens; the context length of the model is " + context);
            }
        }
        return new SweepRun(model.decoder().teacherForcing(weights), batches(examples), boundaries, limits);
    }

    /** The batches of a sweep: they fill the rows of a call, but each thread has one if there are enough examples. */
    public List<ExampleBatch> batches(List<TokenizedExample> examples) {
        int all = examples.stream().mapToInt(TokenizedExample::tokens).sum();
        return ExampleBatch.of(
                examples,
                Math.min(TeacherForcing.ROWS_PER_CALL, Math.min(limits.tokensPerSlice(), all) / limits.threads()));
    }
}
