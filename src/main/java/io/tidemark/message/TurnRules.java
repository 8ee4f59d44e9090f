package io.tidemark.message;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The rules of one turn of {@code messages}. What it has no rule for is left out, so that no template can read it. */
final class TurnRules {

    private static final Set<String> ROLES = Set.of("system", "user", "assistant", "tool");

    private TurnRules() {}

    static ChatTurn read(Fields turn) throws FieldProblem {
        Map<String, Object> fields = new LinkedHashMap<>();
        String role = role(turn);
        fields.put("role", role);
        Optional<JsonNode> calls = turn.find("tool_calls").filter(list -> !list.isArray() || !list.isEmpty());
        Optional<JsonNode> content = calls.isPresent() ? turn.find("content") : Optional.of(turn.require("content"));
        if (content.isPresent()) {
            fields.put("content", content(content.get(), turn.name("content")));
        }
        if (calls.isPresent()) {
            if (!role.equals("assistant")) {
                throw new FieldProblem(
                        "invalid_value",
                        turn.name("tool_calls"),
                        "'" + turn.name("tool_calls") + "' is for an assistant's turn");
            }
            fields.put("tool_calls", ToolRules.calls(calls.get(), turn.name("tool_calls")));
        }
        for (String name : List.of("tool_call_id", "name", "reasoning_content")) {
            turn.text(name, 0, Integer.MAX_VALUE).ifPresent(text -> fields.put(name, text));
        }
        return new ChatTurn(fields);
    }

    private static String role(Fields turn) throws FieldProblem {
        String role = turn.requireText("role", 1, RequestParser.MAX_NAME_LENGTH);
        if (!ROLES.contains(role)) {
            throw new FieldProblem(
                    "invalid_value",
                    turn.name("role"),
                    "'" + turn.name("role") + "' must be system, user, assistant or tool");
        }
        return role;
    }

    /** A text, or a list of texts in the form of OpenAI's content parts. */
    private static Object content(JsonNode content, String name) throws FieldProblem {
        if (!content.isArray()) {
            return Fields.text(content, name, 0, Integer.MAX_VALUE);
        }
        List<Map<String, Object>> parts = new ArrayList<>();
        for (JsonNode element : content) {
            String place = name + "[" + parts.size() + "]";
            if (!(element instanceof ObjectNode object)) {
                throw Fields.wrongType(place, "an object", element);
            }
            Fields part = new Fields(object, place + ".");
            if (!part.requireText("type", 1, RequestParser.MAX_NAME_LENGTH).equals("text")) {
                throw new FieldProblem("invalid_value", part.name("type"), "'" + part.name("type") + "' must be text");
            }
            Map<String, Object> kept = new LinkedHashMap<>();
            kept.put("type", "text");
            kept.put("text", part.requireText("text", 0, Integer.MAX_VALUE));
            parts.add(kept);
        }
        return parts;
    }
}
