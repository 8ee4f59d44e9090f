package io.tidemark.model;

/**
 * How a token is chosen from its logits, with the meaning that transformers' logits processors give the same names:
 * repetition penalty, then temperature, top-k, top-p, min-p. A temperature of 0 is greedy.
 *
 * @param temperature       0 or more; 0 takes the most likely token
 * @param topP              in (0, 1]; 1 keeps all tokens
 * @param topK              0 or more; 0 keeps all tokens
 * @param minP              in [0, 1]; keeps tokens with at least this share of the most likely token's probability
 * @param repetitionPenalty more than 0; 1 changes nothing
 */
public record Sampling(double temperature, double topP, int topK, double minP, double repetitionPenalty) {

    public static final Sampling GREEDY = new Sampling(0, 1, 0, 0, 1);

    public Sampling {
        require(temperature >= 0 && Double.isFinite(temperature), "temperature", temperature);
        require(topP > 0 && topP <= 1, "top_p", topP);
        require(topK >= 0, "top_k", topK);
        require(minP >= 0 && minP <= 1, "min_p", minP);
        require(repetitionPenalty > 0 && Double.isFinite(repetitionPenalty), "repetition_penalty", repetitionPenalty);
    }

    public boolean isGreedy() {
        return temperature == 0;
    }

    private static void require(boolean holds, String name, double value) {
        if (!holds) {
            throw new IllegalArgumentException(name + " is out of range: " + value);
        }
    }
}
