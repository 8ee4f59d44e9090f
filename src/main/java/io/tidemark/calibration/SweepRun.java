package io.tidemark.calibration;

import io.tidemark.model.ForcedBatch;
import io.tidemark.model.ForcedDecoder;
import io.tidemark.model.ForcedStates;
import io.tidemark.model.LoraWeights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * A sweep on its way, a layer of one batch a slice, so that it can run between the steps of a generating engine.
 * Belongs to one thread, but {@link #progress} may be read from any.
 */
public final class SweepRun implements AutoCloseable {

    private final ForcedDecoder decoder;
    private final LoraWeights weights;
    private final List<ExampleBatch> batches;
    private final List<ExampleScore> scores;
    private final int layers;
    private ForcedStates states;
    private int batch;
    private int layer;
    private long layerEvaluations;
    private volatile double progress;

    SweepRun(ForcedDecoder decoder, LoraWeights weights, List<ExampleBatch> batches) {
        this.decoder = decoder;
        this.weights = weights;
        this.batches = batches;
        this.layers = decoder.numLayers();
        int examples = batches.stream().mapToInt(b -> b.places().size()).sum();
        this.scores = new ArrayList<>(Collections.nCopies(examples, null));
    }

    /**
     * Runs one layer, or the scoring of one batch.
     *
     * @return whether there is more to do
     */
    public boolean runSlice() {
        if (batch == batches.size()) {
            return false;
        }
        ForcedBatch current = batches.get(batch).forced();
        if (layer < layers) {
            try (ForcedStates before = layer == 0 ? decoder.embed(current) : states) {
                states = decoder.sweepLayer(current, before, layer, weights);
            }
            layerEvaluations += layer + 2;
            layer++;
        } else {
            score(batches.get(batch));
            close();
            layer = 0;
            batch++;
        }
        progress = (batch + evaluations(layer) / evaluations(layers)) / batches.size();
        return batch < batches.size();
    }

    /** From 0 to 1, by layer evaluations. */
    public double progress() {
        return progress;
    }

    /** How often a layer was applied to a state of a batch. */
    public long layerEvaluations() {
        return layerEvaluations;
    }

    /**
     * The scores in the order of the examples.
     *
     * @throws IllegalStateException while there is more to do
     */
    public List<ExampleScore> scores() {
        if (batch < batches.size()) {
            throw new IllegalStateException("the sweep has not ended");
        }
        return List.copyOf(scores);
    }

    /** Frees what an unfinished sweep holds. */
    @Override
    public void close() {
        if (states != null) {
            states.close();
            states = null;
        }
    }

    private void score(ExampleBatch scored) {
        double[][] byState = decoder.goldLogprobs(scored.forced(), states);
        int from = 0;
        for (int i = 0; i < scored.places().size(); i++) {
            int tokens = scored.forced().sequences().get(i).gold().size();
            List<Double> means = new ArrayList<>();
            // The states stand from the highest boundary to the lowest.
            for (int state = byState.length - 1; state >= 0; state--) {
                means.add(Arrays.stream(byState[state], from, from + tokens).sum() / tokens);
            }
            scores.set(scored.places().get(i), new ExampleScore(tokens, means));
            from += tokens;
        }
    }

    /** Layer evaluations of the layers below {@code layer}. */
    private static double evaluations(int layer) {
        return layer * (layer + 3) / 2.0;
    }
}
