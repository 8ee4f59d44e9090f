package io.tidemark.message;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The stop conditions of a request.
 *
 * @param maxTokens    the maximum number of tokens of a choice, 1 or more; default {@value #DEFAULT_MAX_TOKENS}
 * @param minTokens    no condition ends a choice before this many tokens, 0 to {@code maxTokens}; default 0
 * @param stop         at most 16 strings, none empty, that end a choice; a single string needs no list
 * @param stopTokenIds at most 64 token ids that end a choice, in addition to the model's end-of-sequence tokens
 * @param ignoreEos    whether generation continues after the model's end-of-sequence tokens; default false
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record EndingFields(
        int maxTokens, int minTokens, List<String> stop, List<Integer> stopTokenIds, boolean ignoreEos) {

    public static final int DEFAULT_MAX_TOKENS = 256;

    /**
     * The largest number of tokens that a field may have: above the context length of all models, and small enough
     * that adding a prompt length does not overflow an int.
     */
    static final int LIMIT_TOKENS = 1 << 30;

    private static final int MAX_STOPS = 16;
    private static final int MAX_STOP_LENGTH = 1024;
    private static final int MAX_STOP_TOKENS = 64;

    public EndingFields {
        stop = List.copyOf(stop);
        stopTokenIds = List.copyOf(stopTokenIds);
    }

    static EndingFields read(Fields fields) throws Fields.InvalidField {
        int maxTokens = maxTokens(fields);
        int minTokens = (int) fields.integer("min_tokens", 0, LIMIT_TOKENS, 0);
        if (minTokens > maxTokens) {
            throw new Fields.InvalidField(
                    "out_of_range",
                    fields.name("min_tokens"),
                    "'" + fields.name("min_tokens") + "' must be at most 'max_tokens', which is " + maxTokens);
        }
        return new EndingFields(
                maxTokens, minTokens, stop(fields), stopTokenIds(fields), fields.flag("ignore_eos", false));
    }

    /** OpenAI's API has two names for this field. */
    private static int maxTokens(Fields fields) throws Fields.InvalidField {
        OptionalLong tokens = fields.integer("max_tokens", 1, LIMIT_TOKENS);
        OptionalLong completionTokens = fields.integer("max_completion_tokens", 1, LIMIT_TOKENS);
        if (tokens.isPresent() && completionTokens.isPresent() && !tokens.equals(completionTokens)) {
            throw new Fields.InvalidField(
                    "conflicting_fields",
                    fields.name("max_completion_tokens"),
                    "'max_tokens' and 'max_completion_tokens' have the same meaning and must be equal");
        }
        return (int) tokens.orElse(completionTokens.orElse(DEFAULT_MAX_TOKENS));
    }

    private static List<String> stop(Fields fields) throws Fields.InvalidField {
        Optional<JsonNode> found = fields.find("stop");
        if (found.isEmpty()) {
            return List.of();
        }
        if (!found.get().isArray()) {
            if (!found.get().isTextual()) {
                throw Fields.wrongType("stop", "a string or a list of strings", found.get());
            }
            return List.of(fields.requireText("stop", 1, MAX_STOP_LENGTH));
        }
        List<String> stops = new ArrayList<>();
        for (JsonNode element : atMost("stop", found.get(), MAX_STOPS)) {
            stops.add(Fields.text(element, "stop[" + stops.size() + "]", 1, MAX_STOP_LENGTH));
        }
        return stops;
    }

    private static List<Integer> stopTokenIds(Fields fields) throws Fields.InvalidField {
        Optional<JsonNode> found = fields.find("stop_token_ids");
        if (found.isEmpty()) {
            return List.of();
        }
        if (!found.get().isArray()) {
            throw Fields.wrongType("stop_token_ids", "a list of token ids", found.get());
        }
        List<Integer> tokens = new ArrayList<>();
        for (JsonNode element : atMost("stop_token_ids", found.get(), MAX_STOP_TOKENS)) {
            String name = "stop_token_ids[" + tokens.size() + "]";
            tokens.add((int) Fields.integer(element, name, 0, Integer.MAX_VALUE));
        }
        return tokens;
    }

    private static JsonNode atMost(String name, JsonNode list, int most) throws Fields.InvalidField {
        if (list.size() > most) {
            throw new Fields.InvalidField(
                    "out_of_range", name, "'" + name + "' has " + list.size() + " entries; the limit is " + most);
        }
        return list;
    }
}
