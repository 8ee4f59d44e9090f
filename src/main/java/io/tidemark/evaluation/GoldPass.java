package io.tidemark.evaluation;

import io.tidemark.decoder.ForcedBatch;
import io.tidemark.decoder.ForcedDecoder;
import io.tidemark.decoder.ForcedStates;
import java.util.Arrays;

/** One teacher-forced pass of a batch at one boundary, and what it says of the gold tokens. */
public final class GoldPass {

    private final ForcedDecoder decoder;

    public GoldPass(ForcedDecoder decoder) {
        this.decoder = decoder;
    }

    /** Log-probability of each gold token in nats, sequence by sequence, with LoRA in layers {@code 0 .. adapted-1}. */
    public double[] logprobs(ForcedBatch batch, int adapted) {
        ForcedStates states = decoder.embed(batch);
        try {
            for (int layer = 0; layer < decoder.numLayers(); layer++) {
                try (ForcedStates before = states) {
                    states = decoder.layer(batch, before, layer, layer < adapted);
                }
            }
            return read(batch, states);
        } finally {
            states.close();
        }
    }

    /** What the final norm and the head make of one state after any layer: log-probabilities as above. */
    public double[] read(ForcedBatch batch, ForcedStates states) {
        double[] gold = new double[batch.goldTokens()];
        for (int from = 0; from < gold.length; from += decoder.goldPerCall(states)) {
            int to = Math.min(gold.length, from + decoder.goldPerCall(states));
            System.arraycopy(decoder.goldLogprobs(batch, states, from, to)[0], 0, gold, from, to - from);
        }
        return gold;
    }

    /** The mean over each sequence's gold tokens. */
    public static double[] meanBySequence(ForcedBatch batch, double[] gold) {
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
