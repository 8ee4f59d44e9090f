package io.tidemark.proof;

import io.tidemark.calibration.ExampleBatch;
import io.tidemark.model.ForcedBatch;
import io.tidemark.model.ForcedDecoder;
import io.tidemark.model.ForcedStates;
import java.util.Arrays;
import java.util.List;

/** The plain way to score examples at every boundary: one pass for each, with the sweep's own batches and kernels. */
final class SeparatePasses {

    private final ForcedDecoder decoder;
    private long layerEvaluations;

    SeparatePasses(ForcedDecoder decoder) {
        this.decoder = decoder;
    }

    /** Mean log-probability per gold token of each example, {@code [examples][L + 1]}. */
    double[][] score(List<ExampleBatch> batches) {
        int examples = batches.stream().mapToInt(b -> b.places().size()).sum();
        double[][] scores = new double[examples][decoder.numLayers() + 1];
        for (int boundary = 0; boundary <= decoder.numLayers(); boundary++) {
            for (ExampleBatch batch : batches) {
                double[] gold = pass(batch.forced(), boundary);
                int from = 0;
                for (int i = 0; i < batch.places().size(); i++) {
                    int to = from + batch.forced().sequences().get(i).gold().size();
                    scores[batch.places().get(i)][boundary] = Arrays.stream(gold, from, to).average().orElseThrow();
                    from = to;
                }
            }
        }
        return scores;
    }

    long layerEvaluations() {
        return layerEvaluations;
    }

    private double[] pass(ForcedBatch batch, int boundary) {
        ForcedStates states = decoder.embed(batch);
        for (int layer = 0; layer < decoder.numLayers(); layer++) {
            try (ForcedStates before = states) {
                states = decoder.layer(batch, before, layer, layer < boundary);
            }
            layerEvaluations++;
        }
        double[] gold = new double[batch.goldTokens()];
        try (ForcedStates last = states) {
            for (int from = 0; from < gold.length; from += decoder.goldPerCall(last)) {
                int to = Math.min(gold.length, from + decoder.goldPerCall(last));
                System.arraycopy(decoder.goldLogprobs(batch, last, from, to)[0], 0, gold, from, to - from);
            }
        }
        return gold;
    }
}
