package io.tidemark.message;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** The rules of {@link SamplingFields}. */
final class SamplingRules {

    /** Leading zeros would let one token be named twice. */
    private static final Pattern TOKEN_ID = Pattern.compile("0|[1-9][0-9]{0,8}");

    private SamplingRules() {}

    static SamplingFields read(Fields fields) throws FieldProblem {
        return new SamplingFields(
                fields.number("temperature", Range.NOT_NEGATIVE, 1),
                fields.number("top_p", Range.POSITIVE_SHARE, 1),
                (int) fields.integer("top_k", 0, Integer.MAX_VALUE, 0),
                fields.number("min_p", Range.SHARE, 0),
                fields.number("repetition_penalty", Range.POSITIVE, 1),
                fields.number("presence_penalty", Range.PENALTY, 0),
                fields.number("frequency_penalty", Range.PENALTY, 0),
                logitBias(fields),
                fields.integer("seed", Long.MIN_VALUE, Long.MAX_VALUE));
    }

    private static Map<Integer, Double> logitBias(Fields fields) throws FieldProblem {
        Optional<JsonNode> found = fields.find("logit_bias");
        if (found.isEmpty()) {
            return Map.of();
        }
        if (!(found.get() instanceof ObjectNode object)) {
            throw Fields.wrongType("logit_bias", "an object", found.get());
        }
        if (object.size() > SamplingFields.MAX_BIASES) {
            throw new FieldProblem(
                    "out_of_range",
                    "logit_bias",
                    "'logit_bias' takes at most " + SamplingFields.MAX_BIASES + " tokens");
        }
        Map<Integer, Double> biases = new HashMap<>();
        Fields values = new Fields(object, "logit_bias.");
        for (Map.Entry<String, JsonNode> entry : object.properties()) {
            if (!TOKEN_ID.matcher(entry.getKey()).matches()) {
                throw new FieldProblem(
                        "invalid_value", "logit_bias", "'logit_bias' must have token ids such as \"1234\" for keys");
            }
            values.require(entry.getKey());
            biases.put(Integer.valueOf(entry.getKey()), values.number(entry.getKey(), Range.BIAS, 0));
        }
        return biases;
    }
}
