package io.tidemark.benchmark;

import io.tidemark.calibration.ExampleBatch;
import io.tidemark.decoder.ForcedDecoder;
import io.tidemark.evaluation.GoldPass;
import java.util.List;

/** The plain way to score examples at every boundary: one pass for each, with the sweep's own batches and kernels. */
final class SeparatePasses {

    private final GoldPass pass;
    private final int layers;
    private long layerEvaluations;

    SeparatePasses(ForcedDecoder decoder) {
        this.pass = new GoldPass(decoder);
        this.layers = decoder.numLayers();
    }

    /** Mean log-probability per gold token of each example, {@code [examples][L + 1]}. */
    double[][] score(List<ExampleBatch> batches) {
        int examples = batches.stream().mapToInt(b -> b.places().size()).sum();
        double[][] scores = new double[examples][layers + 1];
        for (int boundary = 0; boundary <= layers; boundary++) {
            for (ExampleBatch batch : batches) {
                double[] means = GoldPass.meanBySequence(batch.forced(), pass.logprobs(batch.forced(), boundary));
                for (int i = 0; i < means.length; i++) {
                    scores[batch.places().get(i)][boundary] = means[i];
                }
                layerEvaluations += layers;
            }
        }
        return scores;
    }

    long layerEvaluations() {
        return layerEvaluations;
    }
}
