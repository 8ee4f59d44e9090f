package io.tidemark.text;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * One message of a conversation.
 *
 * @param fields {@code role}, {@code content} and any others, as plain JSON values in the order of the client. Fields
 *               that are null are left out, as in transformers
 */
public record ChatMessage(Map<String, Object> fields) {

    /** Fields that templates read for the reasoning before a reply. */
    private static final List<String> REASONING = List.of("reasoning_content", "thinking", "reasoning");

    public ChatMessage {
        Map<String, Object> present = new LinkedHashMap<>(fields);
        present.values().removeIf(Objects::isNull);
        fields = Collections.unmodifiableMap(present);
    }

    /** @param role {@code system}, {@code developer}, {@code user}, {@code assistant} or {@code tool} */
    public ChatMessage(String role, String content) {
        this(inOrder(role, content));
    }

    /** The order matters to templates that print a message as JSON. */
    private static Map<String, Object> inOrder(String role, String content) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("role", role);
        fields.put("content", content);
        return fields;
    }

    /** This message with the role {@code system}, if its role is {@code developer}. */
    ChatMessage developerAsSystem() {
        if (!"developer".equals(fields.get("role"))) {
            return this;
        }
        Map<String, Object> system = new LinkedHashMap<>(fields);
        system.put("role", "system");
        return new ChatMessage(system);
    }

    /** The fields for a template: reasoning is present under each name that templates read. */
    Map<String, Object> forTemplate() {
        Optional<Object> reasoning =
                REASONING.stream().map(fields::get).filter(Objects::nonNull).findFirst();
        if (reasoning.isEmpty()) {
            return fields;
        }
        Map<String, Object> named = new LinkedHashMap<>(fields);
        named.putIfAbsent("thinking", reasoning.get());
        named.put("reasoning_content", reasoning.get());
        return named;
    }
}
