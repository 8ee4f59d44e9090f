package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * One turn of a conversation. A request's turn has a {@code role}, and a {@code content} that is a text or a list of
 * texts; an assistant's may have {@code tool_calls} and {@code reasoning_content}, a tool's {@code tool_call_id} and
 * {@code name}. An answer has role and text only.
 *
 * @param fields the turn's JSON object as plain values, in its order; {@link RequestParser} keeps only those named here
 */
public record ChatTurn(@JsonValue Map<String, Object> fields) {

    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public ChatTurn {
        fields = Collections.unmodifiableMap(new LinkedHashMap<>(fields));
    }

    /** @param role {@code system}, {@code user}, {@code assistant} or {@code tool} */
    public ChatTurn(String role, String text) {
        this(inOrder(role, text));
    }

    private static Map<String, Object> inOrder(String role, String text) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("role", role);
        fields.put("content", text);
        return fields;
    }

    /** The content, without what is around its texts. */
    public String text() {
        Object content = fields.getOrDefault("content", "");
        return content instanceof Collection<?> parts
                ? parts.stream()
                        .map(part -> String.valueOf(((Map<?, ?>) part).get("text")))
                        .collect(Collectors.joining())
                : String.valueOf(content);
    }
}
