package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * One message of a conversation. Messages of a request have a {@code role} and a {@code content}, which is text or a
 * list of text parts. Messages of an assistant may have {@code tool_calls} and {@code reasoning_content}; messages of a
 * tool may have {@code tool_call_id} and {@code name}. Messages of a result have a role and text only.
 *
 * @param fields the JSON object as plain values, in its order; parsing drops fields that are not named here
 */
public record ChatTurn(@JsonValue Map<String, Object> fields) {

    private static final Set<String> ROLES = Set.of("system", "developer", "user", "assistant", "tool");

    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public ChatTurn {
        fields = Collections.unmodifiableMap(new LinkedHashMap<>(fields));
    }

    /** @param role {@code system}, {@code developer}, {@code user}, {@code assistant} or {@code tool} */
    public ChatTurn(String role, String text) {
        this(inOrder("role", role, "content", text));
    }

    /** The concatenated text of the content; empty without content. */
    public String text() {
        Object content = fields.get("content");
        if (content == null) {
            return "";
        }
        return content instanceof Collection<?> parts
                ? parts.stream()
                        .map(part -> String.valueOf(((Map<?, ?>) part).get("text")))
                        .collect(Collectors.joining())
                : String.valueOf(content);
    }

    /** Reads one element of {@code messages}. Unknown fields are dropped, so that no chat template can read them. */
    static ChatTurn read(Fields turn) throws Fields.InvalidField {
        Map<String, Object> fields = new LinkedHashMap<>();
        String role = role(turn);
        fields.put("role", role);
        Optional<JsonNode> calls = turn.find("tool_calls").filter(list -> !list.isArray() || !list.isEmpty());
        Optional<JsonNode> content = calls.isPresent() ? turn.find("content") : Optional.of(turn.require("content"));
        if (content.isPresent()) {
            fields.put("content", content(content.get(), turn.name("content")));
        }
        if (calls.isPresent()) {
            String name = turn.name("tool_calls");
            if (!role.equals("assistant")) {
                throw new Fields.InvalidField(
                        "invalid_value", name, "'" + name + "' is allowed in messages of an assistant only");
            }
            fields.put("tool_calls", Fields.list(calls.get(), name, ChatTurn::toolCall));
        }
        for (String name : List.of("tool_call_id", "name", "reasoning_content")) {
            turn.text(name, 0, Integer.MAX_VALUE).ifPresent(text -> fields.put(name, text));
        }
        return new ChatTurn(fields);
    }

    private static String role(Fields turn) throws Fields.InvalidField {
        String role = turn.requireText("role", 1, Fields.MAX_NAME_LENGTH);
        if (!ROLES.contains(role)) {
            throw new Fields.InvalidField(
                    "invalid_value",
                    turn.name("role"),
                    "'" + turn.name("role") + "' must be system, developer, user, assistant or tool");
        }
        return role;
    }

    /** Text, or a list of OpenAI's content parts of type {@code text}. */
    private static Object content(JsonNode content, String name) throws Fields.InvalidField {
        return content.isArray()
                ? Fields.list(content, name, ChatTurn::textPart)
                : Fields.text(content, name, 0, Integer.MAX_VALUE);
    }

    private static Map<String, Object> textPart(Fields part) throws Fields.InvalidField {
        if (!part.requireText("type", 1, Fields.MAX_NAME_LENGTH).equals("text")) {
            throw new Fields.InvalidField(
                    "invalid_value", part.name("type"), "'" + part.name("type") + "' must be text");
        }
        return inOrder("type", "text", "text", part.requireText("text", 0, Integer.MAX_VALUE));
    }

    /**
     * OpenAI clients encode the arguments of a call as text that contains a JSON object; chat templates get the object.
     */
    private static Map<String, Object> toolCall(Fields call) throws Fields.InvalidField {
        Fields function = Fields.of(call.require("function"), call.name("function"));
        function.requireText("name", 1, Integer.MAX_VALUE);
        ObjectNode arguments = arguments(function.require("arguments"), function.name("arguments"));
        ObjectNode decoded = call.object().deepCopy();
        ((ObjectNode) decoded.get("function")).set("arguments", arguments);
        return new Fields(decoded, call.path()).toMap();
    }

    private static ObjectNode arguments(JsonNode node, String name) throws Fields.InvalidField {
        if (node instanceof ObjectNode object) {
            return object;
        }
        if (!node.isTextual()) {
            throw Fields.wrongType(name, "an object, or a string that contains one", node);
        }
        return TopicJson.parseObject(node.textValue())
                .orElseThrow(() -> new Fields.InvalidField(
                        "invalid_value", name, "'" + name + "' does not contain a JSON object"));
    }

    private static Map<String, Object> inOrder(String key1, String value1, String key2, String value2) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put(key1, value1);
        fields.put(key2, value2);
        return fields;
    }
}
