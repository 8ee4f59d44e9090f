package io.tidemark.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.jinja.JinjaException;
import io.tidemark.jinja.JinjaTemplate;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The expected texts were made with transformers 5.24 with Jinja2 3.1.6: {@code tools/chat_templates.py}. */
@DisplayName("Rendering of chat templates")
class ChatRenderingTest {

    private static final Path CHAT = Path.of("src/test/resources/chat");
    private static final ZonedDateTime NOON = ZonedDateTime.of(2026, 3, 5, 14, 7, 9, 0, ZoneOffset.UTC);
    private static final Map<String, String> TOKENS =
            Map.of("bos_token", "<s>", "eos_token", "</s>", "unk_token", "<unk>", "pad_token", "<pad>");

    record Rendering(String template, JsonNode conversation, JsonNode expected) {

        @Override
        public String toString() {
            return template + " with " + conversation.get("name").textValue();
        }
    }

    record Evaluation(String expression, JsonNode expected) {

        @Override
        public String toString() {
            return expression;
        }
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("The text is equal to that of transformers, or rendering fails if transformers fails")
    @MethodSource
    void renders(Rendering rendering) throws IOException {
        String source = Files.readString(CHAT.resolve("templates").resolve(rendering.template()));
        agrees(source, variables(rendering.conversation()), rendering.expected());
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Expressions have the value of Jinja2 in Python, or fail if they fail there")
    @MethodSource
    void evaluates(Evaluation evaluation) {
        Map<String, Object> message = new LinkedHashMap<>();
        message.put("role", "user");
        message.put("content", " Ünïcode 🙂 text\n");
        agrees(
                "{{ " + evaluation.expression() + " }}",
                variables(List.of(message), List.of(), true),
                evaluation.expected());
    }

    static Stream<Rendering> renders() throws IOException {
        Map<String, JsonNode> conversations = new HashMap<>();
        read("conversations").forEach(each -> conversations.put(each.get("name").textValue(), each));
        return entries("renderings")
                .map(each -> new Rendering(
                        each.get("template").textValue(),
                        conversations.get(each.get("case").textValue()),
                        each));
    }

    static Stream<Evaluation> evaluates() throws IOException {
        return entries("evaluations")
                .map(each -> new Evaluation(each.get("expression").textValue(), each));
    }

    private static void agrees(String source, Map<String, Object> variables, JsonNode expected) {
        if (expected.has("rendered")) {
            assertThat(JinjaTemplate.parse(source, () -> NOON).render(variables))
                    .isEqualTo(expected.get("rendered").textValue());
            return;
        }
        String error = expected.get("error").textValue();
        assertThatThrownBy(() -> JinjaTemplate.parse(source, () -> NOON).render(variables))
                .as(error)
                .isInstanceOfSatisfying(JinjaException.class, failure -> {
                    if (failure.isRaised()) {
                        assertThat("TemplateError: " + failure.getMessage()).isEqualTo(error);
                    }
                });
    }

    private static Map<String, Object> variables(JsonNode conversation) {
        ObjectMapper mapper = new ObjectMapper();
        List<Map<String, Object>> messages = new ArrayList<>();
        conversation
                .get("messages")
                .forEach(m -> messages.add(mapper.convertValue(m, new TypeReference<Map<String, Object>>() {})));
        List<Map<String, Object>> tools = new ArrayList<>();
        conversation
                .path("tools")
                .forEach(t -> tools.add(mapper.convertValue(t, new TypeReference<Map<String, Object>>() {})));
        return variables(messages, tools, !conversation.has("tools"));
    }

    private static Map<String, Object> variables(
            List<Map<String, Object>> messages, List<Map<String, Object>> tools, boolean absent) {
        Map<String, Object> variables = new HashMap<>(TOKENS);
        variables.put(
                "messages",
                messages.stream()
                        .map(message -> ChatTemplate.forTemplate(message, true))
                        .toList());
        variables.put("tools", absent ? null : tools);
        variables.put("documents", null);
        variables.put("add_generation_prompt", true);
        return variables;
    }

    private static Stream<JsonNode> entries(String file) throws IOException {
        return StreamSupport.stream(read(file).spliterator(), false);
    }

    private static JsonNode read(String file) throws IOException {
        return new ObjectMapper().readTree(CHAT.resolve(file + ".json").toFile());
    }
}
