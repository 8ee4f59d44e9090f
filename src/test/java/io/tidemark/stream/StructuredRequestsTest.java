package io.tidemark.stream;

import static io.tidemark.stream.WorkerTopics.REQUESTS;
import static io.tidemark.stream.WorkerTopics.RESULTS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.tidemark.grammar.GrammarCompiler;
import jakarta.inject.Inject;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@QuarkusTest
@QuarkusTestResource(BrokerResource.class)
@DisplayName("Requests with a format of the answer, sent through the broker,")
class StructuredRequestsTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    private static final String SCHEMA =
            "{\"type\": \"object\", \"properties\": {\"kind\": {\"enum\": [\"pub\", \"inn\"]}, \"stars\": "
                    + "{\"type\": \"integer\", \"minimum\": 1, \"maximum\": 5}}, \"required\": [\"kind\", \"stars\"], "
                    + "\"additionalProperties\": false}";

    @Inject
    TopicClient client;

    @Test
    @DisplayName("Have an answer in this format, in each choice and beside free text")
    void areAnswered() throws Exception {
        assumeThat(GrammarCompiler.isAvailable()).isTrue();
        send("free", "\"prompt\": \"the river\", \"max_tokens\": 60, \"ignore_eos\": true");
        send(
                "choice",
                "\"prompt\": \"is it?\", \"n\": 4, \"structured_outputs\": {\"choice\": [\"yes\", \"not yet\"]}");
        send("regex", "\"prompt\": \"a\", \"n\": 2, \"structured_outputs\": {\"regex\": \"[a-f]{3}-[0-9]{2}\"}");
        send(
                "grammar",
                "\"prompt\": \"a\", \"structured_outputs\": {\"grammar\": \"start: \\\"<\\\" (\\\"x\\\" | \\\"y\\\") \\\">\\\"\"}");
        send("json", "\"prompt\": \"a\", \"structured_outputs\": {\"json\": " + SCHEMA + "}");
        send(
                "chat",
                "\"messages\": [{\"role\": \"user\", \"content\": \"hello\"}], \"response_format\": {\"type\": "
                        + "\"json_schema\", \"json_schema\": {\"name\": \"n\", \"schema\": " + SCHEMA + "}}");
        assertThat(texts("choice")).hasSize(4).isSubsetOf("yes", "not yet");
        assertThat(texts("regex")).hasSize(2).allMatch(text -> text.matches("[a-f]{3}-[0-9]{2}"));
        assertThat(texts("grammar")).isSubsetOf("<x>", "<y>");
        for (String id : List.of("json", "chat")) {
            JsonNode answer = JSON.readTree(texts(id).get(0));
            assertThat(answer.fieldNames()).toIterable().containsExactly("kind", "stars");
            assertThat(answer.path("kind").asText()).isIn("pub", "inn");
            assertThat(answer.path("stars").asInt()).isBetween(1, 5);
        }
        assertThat(result("free").at("/usage/completion_tokens").asInt()).isEqualTo(60);
    }

    @Test
    @DisplayName("Are refused if the format can't be enforced, with the keyword, its path and the field")
    void areRefused() {
        assumeThat(GrammarCompiler.isAvailable()).isTrue();
        String refused = "{\"type\": \"object\", \"properties\": {\"a\": {\"not\": {\"const\": 3}}}}";
        send("refused", "\"prompt\": \"a\", \"structured_outputs\": {\"json\": " + refused + "}");
        send("large", "\"prompt\": \"a\", \"structured_outputs\": {\"regex\": \"" + "a".repeat(70_000) + "\"}");
        JsonNode error = result("refused").path("error");
        assertThat(error.path("code").asText()).isEqualTo("unsupported_format");
        assertThat(error.path("param").asText()).isEqualTo("structured_outputs.json");
        assertThat(error.path("message").asText()).contains("not", "properties");
        error = result("large").path("error");
        assertThat(error.path("code").asText()).isEqualTo("format_too_large");
        assertThat(error.path("param").asText()).isEqualTo("structured_outputs.regex");
    }

    @Test
    @DisplayName("Get an error of the server where no format can be enforced, and other requests are answered")
    void areUnavailable() {
        assumeThat(GrammarCompiler.isAvailable()).isFalse();
        send("unavailable", "\"prompt\": \"a\", \"structured_outputs\": {\"regex\": \"a\"}");
        assertThat(result("unavailable").at("/error/code").asText()).isEqualTo("formats_unavailable");
        assertThat(result("unavailable").at("/error/type").asText()).isEqualTo("server_error");
        send("other", "\"prompt\": \"a\", \"max_tokens\": 2");
        assertThat(result("other").has("choices")).isTrue();
    }

    private void send(String id, String fields) {
        client.send(
                REQUESTS,
                "structured-" + id,
                "{\"id\": \"structured-" + id + "\", \"model\": \"all\", " + fields + "}");
    }

    private JsonNode result(String id) {
        return client.await(RESULTS, "structured-" + id);
    }

    /** The texts of the choices, each of which the format has ended. */
    private List<String> texts(String id) {
        JsonNode choices = result(id).path("choices");
        assertThat(choices)
                .as(id)
                .isNotEmpty()
                .allSatisfy(choice ->
                        assertThat(choice.path("finish_reason").asText()).isEqualTo("stop"));
        return choices.findValuesAsText(choices.get(0).has("text") ? "text" : "content");
    }
}
