package io.tidemark.decoder.sampling;

import java.util.Map;

/**
 * Sampling parameters of a token. Sampling has these steps, in this order: add the logit bias, apply the penalties,
 * keep the tokens of the {@link TokenMasks.Mask}, divide by the temperature, keep the top-k, the top-p and the min-p
 * tokens, sample. With temperature 0 the most likely token after the penalties is taken. Presence and frequency penalty
 * have the meaning of OpenAI's API, all other parameters that of the logits processors of transformers.
 *
 * @param temperature divides the logits, 0 or more; 0 takes the most likely token
 * @param topP        keeps the most likely tokens that together have this probability, in (0, 1]; 1 keeps all tokens
 * @param topK        keeps this many of the most likely tokens, and those as likely as the last one; 0 keeps all tokens
 * @param minP        keeps tokens with at least this fraction, 0 to 1, of the most likely token's probability
 * @param penalties   the penalties for tokens that occurred before
 * @param logitBias   finite numbers that are added to the logits of these tokens
 */
public record SamplingParams(
        double temperature, double topP, int topK, double minP, Penalties penalties, Map<Integer, Double> logitBias) {

    public static final SamplingParams GREEDY = at(0);

    /** @throws IllegalArgumentException if a parameter is out of range */
    public SamplingParams {
        Penalties.require(temperature >= 0 && Double.isFinite(temperature), "temperature", temperature);
        Penalties.require(topP > 0 && topP <= 1, "top_p", topP);
        Penalties.require(topK >= 0, "top_k", topK);
        Penalties.require(minP >= 0 && minP <= 1, "min_p", minP);
        logitBias = Map.copyOf(logitBias);
        logitBias.values().forEach(bias -> Penalties.require(Double.isFinite(bias), "logit_bias", bias));
    }

    /** Samples from the whole vocabulary at this temperature. */
    public static SamplingParams at(double temperature) {
        return new SamplingParams(temperature, 1, 0, 0, Penalties.NONE, Map.of());
    }

    public SamplingParams withTopP(double p) {
        return new SamplingParams(temperature, p, topK, minP, penalties, logitBias);
    }

    public SamplingParams withTopK(int k) {
        return new SamplingParams(temperature, topP, k, minP, penalties, logitBias);
    }

    public SamplingParams withMinP(double p) {
        return new SamplingParams(temperature, topP, topK, p, penalties, logitBias);
    }

    public SamplingParams withPenalties(Penalties changed) {
        return new SamplingParams(temperature, topP, topK, minP, changed, logitBias);
    }

    public SamplingParams withLogitBias(Map<Integer, Double> changed) {
        return new SamplingParams(temperature, topP, topK, minP, penalties, changed);
    }

    /** Whether the most likely token is taken. */
    public boolean isGreedy() {
        return temperature == 0;
    }
}
