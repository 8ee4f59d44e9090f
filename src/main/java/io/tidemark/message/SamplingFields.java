package io.tidemark.message;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Map;
import java.util.OptionalLong;

/**
 * The fields of a request that say how tokens are chosen.
 *
 * @param temperature       0 (greedy) or more; 1 by default
 * @param topP              more than 0 and at most 1, the default
 * @param topK              0 or more; 0, the default, keeps all tokens
 * @param minP              0, the default, to 1
 * @param repetitionPenalty more than 0; 1, the default, changes nothing
 * @param presencePenalty   -2 to 2; 0 by default
 * @param frequencyPenalty  -2 to 2; 0 by default
 * @param logitBias         for token ids, written as strings, what is added to their logits: -100 to 100, at most
 *                          {@value #MAX_BIASES} of them
 * @param seed              any 64-bit integer; derived from the id where absent
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record SamplingFields(
        double temperature,
        double topP,
        int topK,
        double minP,
        double repetitionPenalty,
        double presencePenalty,
        double frequencyPenalty,
        Map<Integer, Double> logitBias,
        OptionalLong seed) {

    static final int MAX_BIASES = 1024;

    /** Everything at its default but the temperature, which is 0. */
    public static final SamplingFields GREEDY = new SamplingFields(0, 1, 0, 0, 1, 0, 0, Map.of(), OptionalLong.empty());

    public SamplingFields {
        logitBias = Map.copyOf(logitBias);
    }
}
