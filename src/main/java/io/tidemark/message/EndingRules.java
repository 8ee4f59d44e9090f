package io.tidemark.message;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** The rules of {@link EndingFields}. */
final class EndingRules {

    /** Far above any context, far below where adding a prompt would overflow an int. */
    private static final int MOST_TOKENS = 1 << 30;

    private static final int MAX_STOPS = 16;
    private static final int MAX_STOP_LENGTH = 1024;
    private static final int MAX_STOP_TOKENS = 64;

    private EndingRules() {}

    static EndingFields read(Fields fields) throws FieldProblem {
        int maxTokens = maxTokens(fields);
        int minTokens = (int) fields.integer("min_tokens", 0, MOST_TOKENS, 0);
        if (minTokens > maxTokens) {
            throw new FieldProblem(
                    "out_of_range",
                    fields.name("min_tokens"),
                    "'" + fields.name("min_tokens") + "' must be at most 'max_tokens', which is " + maxTokens);
        }
        return new EndingFields(
                maxTokens, minTokens, stop(fields), stopTokenIds(fields), fields.flag("ignore_eos", false));
    }

    /** OpenAI has two names for it. */
    private static int maxTokens(Fields fields) throws FieldProblem {
        OptionalLong tokens = fields.integer("max_tokens", 1, MOST_TOKENS);
        OptionalLong byOtherName = fields.integer("max_completion_tokens", 1, MOST_TOKENS);
        if (tokens.isPresent() && byOtherName.isPresent() && !tokens.equals(byOtherName)) {
            throw new FieldProblem(
                    "conflicting_fields",
                    fields.name("max_completion_tokens"),
                    "'max_tokens' and 'max_completion_tokens' are one thing and must not differ");
        }
        return (int) tokens.orElse(byOtherName.orElse(EndingFields.DEFAULT_MAX_TOKENS));
    }

    private static List<String> stop(Fields fields) throws FieldProblem {
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

    private static List<Integer> stopTokenIds(Fields fields) throws FieldProblem {
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

    private static JsonNode atMost(String name, JsonNode list, int most) throws FieldProblem {
        if (list.size() > most) {
            throw new FieldProblem("out_of_range", name, "'" + name + "' takes at most " + most + " entries");
        }
        return list;
    }
}
