package io.tidemark.evaluation;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.sweep.ExampleBatch;
import io.tidemark.decoder.ForcedPass;
import io.tidemark.decoder.HiddenStates;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.TeacherForcedBatch;
import io.tidemark.decoder.TeacherForcing;
import io.tidemark.decoder.lora.LoraWeights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/** Log-probabilities of gold tokens from teacher-forced passes, one pass of a batch for each boundary. */
public final class GoldLikelihood {

    private final TeacherForcing decoder;

    private GoldLikelihood(TeacherForcing decoder) {
        this.decoder = decoder;
    }

    /**
     * Scores examples at one boundary.
     *
     * @param lora empty for the base model
     * @return the mean log-probability per gold token of each example, in nats, in the order of the examples
     */
    public static List<Double> score(
            LanguageModel model, Optional<LoraWeights> lora, List<ExampleBatch> batches, Boundary boundary) {
        GoldLikelihood likelihood = new GoldLikelihood(
                lora.map(model.decoder()::teacherForcing).orElseGet(model.decoder()::teacherForcing));
        Boundary adapted = lora.isPresent() ? boundary : new Boundary(0);
        int examples =
                batches.stream().mapToInt(batch -> batch.indices().size()).sum();
        List<Double> scores = new ArrayList<>(Collections.nCopies(examples, 0.0));
        for (ExampleBatch batch : batches) {
            double[] means = meanBySequence(batch.forced(), likelihood.logprobs(batch.forced(), adapted));
            for (int i = 0; i < means.length; i++) {
                scores.set(batch.indices().get(i), means[i]);
            }
        }
        return scores;
    }

    /**
     * Runs a batch through all layers, with LoRA in the layers that the boundary covers.
     *
     * @return the log-probability of each gold token in nats, sequence by sequence
     */
    private double[] logprobs(TeacherForcedBatch batch, Boundary boundary) {
        try (ForcedPass pass = decoder.pass(batch, 1);
                HiddenStates states = pass.embed()) {
            pass.layers(states, 0, boundary.layers(), true);
            pass.layers(states, boundary.layers(), decoder.numLayers(), false);
            return pass.goldLogprobs(states, 0, batch.goldTokens())[0];
        }
    }

    /** Returns the mean over the gold tokens of each sequence. */
    static double[] meanBySequence(TeacherForcedBatch batch, double[] gold) {
        double[] means = new double[batch.sequences().size()];
        int from = 0;
        for (int i = 0; i < means.length; i++) {
            int to = from + batch.sequences().get(i).gold().size();
            means[i] = Arrays.stream(gold, from, to).average().orElseThrow();
            from = to;
        }
        return means;
    }
}
