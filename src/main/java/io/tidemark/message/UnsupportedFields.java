package io.tidemark.message;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import java.util.function.Predicate;

/**
 * Fields of OpenAI's that would change the text and are not honoured. Unknown fields are ignored, but who sends one of
 * these would get another text than the one asked for, so it is refused unless its value changes nothing.
 */
final class UnsupportedFields {

    private static final Predicate<JsonNode> NEVER = value -> false;
    private static final Predicate<JsonNode> EMPTY = value -> value.isContainerNode() && value.isEmpty();
    private static final Predicate<JsonNode> AUTO = value -> value.asText().equals("auto");

    /** For each field the values with which it changes nothing. */
    private static final Map<String, Predicate<JsonNode>> HARMLESS = Map.ofEntries(
            Map.entry("best_of", value -> value.isNumber() && value.doubleValue() == 1),
            Map.entry("echo", value -> value.isBoolean() && !value.booleanValue()),
            Map.entry("suffix", value -> value.isTextual() && value.textValue().isEmpty()),
            Map.entry("response_format", value -> value.path("type").asText().equals("text")),
            Map.entry("tool_choice", AUTO),
            Map.entry("functions", EMPTY),
            Map.entry("function_call", AUTO),
            Map.entry(
                    "modalities",
                    value -> value.size() == 1 && value.path(0).asText().equals("text")),
            Map.entry("audio", NEVER),
            Map.entry("reasoning_effort", NEVER),
            Map.entry("verbosity", NEVER),
            Map.entry("web_search_options", NEVER));

    private UnsupportedFields() {}

    static void refuse(Fields fields) throws FieldProblem {
        for (Map.Entry<String, Predicate<JsonNode>> entry : HARMLESS.entrySet()) {
            String field = entry.getKey();
            if (fields.find(field).filter(entry.getValue().negate()).isPresent()) {
                throw new FieldProblem(
                        "unsupported_field",
                        fields.name(field),
                        "'" + fields.name(field)
                                + "' is not supported, and leaving it unheeded would change the text; leave it out");
            }
        }
    }
}
