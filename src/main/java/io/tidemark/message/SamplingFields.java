package io.tidemark.message;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/**
 * The sampling parameters of a request.
 *
 * @param temperature       0 (greedy) or more; default 1
 * @param topP              more than 0 and at most 1; default 1
 * @param topK              0 or more; 0, the default, disables the limit
 * @param minP              0 to 1; default 0
 * @param repetitionPenalty more than 0; 1, the default, has no effect
 * @param presencePenalty   -2 to 2; default 0
 * @param frequencyPenalty  -2 to 2; default 0
 * @param logitBias         added to the logits of token ids, -100 to 100; at most {@value #MAX_BIASES} entries, whose
 *                          keys are token ids written as strings
 * @param seed              any 64-bit integer; by default derived from the id of the request
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

    /** No leading zeros, so that every token has one spelling. */
    private static final Pattern TOKEN_ID = Pattern.compile("0|[1-9][0-9]{0,8}");

    public SamplingFields {
        logitBias = Map.copyOf(logitBias);
    }

    static SamplingFields read(Fields fields) throws Fields.InvalidField {
        return new SamplingFields(
                fields.number("temperature", Fields.Range.NOT_NEGATIVE, 1),
                fields.number("top_p", Fields.Range.POSITIVE_FRACTION, 1),
                (int) fields.integer("top_k", 0, Integer.MAX_VALUE, 0),
                fields.number("min_p", Fields.Range.FRACTION, 0),
                fields.number("repetition_penalty", Fields.Range.POSITIVE, 1),
                fields.number("presence_penalty", Fields.Range.PENALTY, 0),
                fields.number("frequency_penalty", Fields.Range.PENALTY, 0),
                logitBias(fields),
                fields.integer("seed", Long.MIN_VALUE, Long.MAX_VALUE));
    }

    private static Map<Integer, Double> logitBias(Fields fields) throws Fields.InvalidField {
        String name = fields.name("logit_bias");
        Optional<JsonNode> found = fields.find("logit_bias");
        if (found.isEmpty()) {
            return Map.of();
        }
        Fields values = Fields.of(found.get(), name);
        ObjectNode object = values.object();
        if (object.size() > MAX_BIASES) {
            throw new Fields.InvalidField(
                    "out_of_range",
                    name,
                    "'" + name + "' has " + object.size() + " tokens; the limit is " + MAX_BIASES);
        }
        Map<Integer, Double> biases = new HashMap<>();
        for (Map.Entry<String, JsonNode> entry : object.properties()) {
            if (!TOKEN_ID.matcher(entry.getKey()).matches()) {
                throw new Fields.InvalidField(
                        "invalid_value", name, "the keys of '" + name + "' must be token ids such as \"1234\"");
            }
            values.require(entry.getKey());
            biases.put(Integer.valueOf(entry.getKey()), values.number(entry.getKey(), Fields.Range.BIAS, 0));
        }
        return biases;
    }
}
