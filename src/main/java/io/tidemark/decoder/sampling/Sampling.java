package io.tidemark.decoder.sampling;

import java.util.Map;

/**
 * How a token is chosen from its logits, in this order: the logit bias is added, then the penalties are taken off, and
 * unless the temperature is 0, which takes the most likely token, follow temperature, top-k, top-p and min-p. Bias,
 * repetition penalty and these four mean what transformers' logits processors mean by them.
 *
 * @param temperature 0 or more; 0 takes the most likely token
 * @param topP        in (0, 1]; 1 keeps all tokens
 * @param topK        0 or more; 0 keeps all tokens. Tokens as likely as the last of the k are kept as well
 * @param minP        in [0, 1]; keeps tokens with at least this share of the most likely token's probability
 * @param penalties   for tokens that were there before
 * @param logitBias   what is added to the logits of some tokens, finite
 */
public record Sampling(
        double temperature, double topP, int topK, double minP, Penalties penalties, Map<Integer, Double> logitBias) {

    public static final Sampling GREEDY = at(0);

    public Sampling {
        require(temperature >= 0 && Double.isFinite(temperature), "temperature", temperature);
        require(topP > 0 && topP <= 1, "top_p", topP);
        require(topK >= 0, "top_k", topK);
        require(minP >= 0 && minP <= 1, "min_p", minP);
        logitBias = Map.copyOf(logitBias);
        logitBias.values().forEach(bias -> require(Double.isFinite(bias), "logit_bias", bias));
    }

    /** From the whole vocabulary, at this temperature. */
    public static Sampling at(double temperature) {
        return new Sampling(temperature, 1, 0, 0, Penalties.NONE, Map.of());
    }

    /** Keeps the most likely tokens up to this share of the probability. */
    public Sampling withTopP(double share) {
        return new Sampling(temperature, share, topK, minP, penalties, logitBias);
    }

    /** Keeps so many of the most likely tokens; 0 keeps all. */
    public Sampling withTopK(int most) {
        return new Sampling(temperature, topP, most, minP, penalties, logitBias);
    }

    /** Keeps tokens of at least this share of the most likely one's probability. */
    public Sampling withMinP(double share) {
        return new Sampling(temperature, topP, topK, share, penalties, logitBias);
    }

    public Sampling withPenalties(Penalties changed) {
        return new Sampling(temperature, topP, topK, minP, changed, logitBias);
    }

    /** @param added to the logits of these tokens */
    public Sampling withLogitBias(Map<Integer, Double> added) {
        return new Sampling(temperature, topP, topK, minP, penalties, added);
    }

    /** Whether the most likely token is taken, without chance. */
    public boolean isGreedy() {
        return temperature == 0;
    }

    public static void require(boolean holds, String name, double value) {
        if (!holds) {
            throw new IllegalArgumentException(name + " is out of range: " + value);
        }
    }
}
