package io.tidemark.text;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * One turn of a conversation.
 *
 * @param fields what the template may read, in the order given and as plain JSON values: {@code role}, {@code content} and
 *               what else the sender wrote; those that are null are left out, as transformers leaves them out
 */
public record ChatMessage(Map<String, Object> fields) {

    /** Names that templates have for what a model thought before it answered. */
    private static final List<String> REASONING = List.of("reasoning_content", "thinking", "reasoning");

    public ChatMessage {
        Map<String, Object> present = new LinkedHashMap<>(fields);
        present.values().removeIf(Objects::isNull);
        fields = Collections.unmodifiableMap(present);
    }

    /** @param role who speaks: {@code system}, {@code user}, {@code assistant} or {@code tool} */
    public ChatMessage(String role, String content) {
        this(inOrder(role, content));
    }

    /** A template that writes a message as JSON shows the order. */
    private static Map<String, Object> inOrder(String role, String content) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("role", role);
        fields.put("content", content);
        return fields;
    }

    /** As a template sees it: reasoning under the names that templates read it by. */
    public Map<String, Object> forTemplate() {
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
