package io.tidemark.evaluation;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.ExampleBatch;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/** The mean log-probability per gold token of each example, in nats, at a boundary or for the base model. */
final class GoldScores {

    private final LanguageModel model;
    private final LoraWeights lora;
    private final List<ExampleBatch> batches;
    private final int examples;

    GoldScores(LanguageModel model, LoraWeights lora, List<TokenizedExample> examples) {
        this.model = model;
        this.lora = lora;
        this.batches = ExampleBatch.of(examples, SweepLimits.DEFAULT.tokensPerBatch());
        this.examples = examples.size();
    }

    /**
     * The scores in the order of the examples.
     *
     * @param boundary empty for the base model
     */
    List<Double> at(Optional<Boundary> boundary) {
        GoldPass pass = new GoldPass(
                boundary.isPresent()
                        ? model.decoder().forced(lora)
                        : model.decoder().forced());
        int layers = boundary.map(Boundary::layers).orElse(0);
        List<Double> scores = new ArrayList<>(Collections.nCopies(examples, 0.0));
        for (ExampleBatch batch : batches) {
            double[] means = GoldPass.meanBySequence(batch.forced(), pass.logprobs(batch.forced(), layers));
            for (int i = 0; i < means.length; i++) {
                scores.set(batch.places().get(i), means[i]);
            }
        }
        return scores;
    }
}
