package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OutgoingRecordsTest {

    @Test
    @DisplayName("An event has the documented fields, and no finish_reason before the end")
    void event() {
        EventMessage event = new EventMessage("r", 3, 0, 7, "caf\u00e9", Optional.empty());
        assertThat(text(event))
                .isEqualTo("{\"id\":\"r\",\"attempt\":3,\"choice\":0,\"sequence\":7,\"text\":\"caf\u00e9\"}");
        assertRoundTrip(event);
    }

    @Test
    @DisplayName("A choice has text for a prompt and a message of the assistant for messages")
    void choices() {
        Input chat = Samples.chat(new ChatTurn("user", "hi"));
        assertThat(text(CompletionResult.Choice.answering(new Input.Prompt("p"), 0, "t", "stop", Optional.empty())))
                .isEqualTo("{\"index\":0,\"text\":\"t\",\"finish_reason\":\"stop\"}");
        assertThat(text(CompletionResult.Choice.answering(chat, 1, "t", "length", Optional.empty())))
                .isEqualTo(
                        "{\"index\":1,\"message\":{\"role\":\"assistant\",\"content\":\"t\"},\"finish_reason\":\"length\"}");
        assertThat(CompletionResult.objectFor(chat)).isEqualTo("chat.completion");
        assertThat(CompletionResult.objectFor(new Input.Prompt("p"))).isEqualTo("text_completion");
    }

    @Test
    @DisplayName("A completion result has the documented fields and survives the JSON round trip")
    void completion() {
        CompletionResult result = Samples.completion();
        assertRoundTrip(result);
        assertThat(text(result))
                .isEqualTo(
                        "{\"id\":\"r\",\"object\":\"text_completion\",\"created\":1700000000,"
                                + "\"model\":\"restaurants\",\"choices\":[{\"index\":0,\"text\":\"A\",\"finish_reason\":\"stop\","
                                + "\"logprobs\":{\"content\":[{\"token\":\"A\",\"token_id\":3,\"logprob\":-0.25,"
                                + "\"top_logprobs\":[{\"token\":\"A\",\"token_id\":3,\"logprob\":-0.25}]}]}}],"
                                + "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1,\"total_tokens\":6,"
                                + "\"prompt_tokens_details\":{\"cached_tokens\":3}},"
                                + "\"tidemark\":{\"source\":{\"topic\":\"generation-requests\",\"partition\":3,\"offset\":17},"
                                + "\"base_model\":\"smollm2\",\"adapter\":\"restaurants\",\"adapter_digest\":\"3fa2\","
                                + "\"boundary\":14,\"num_layers\":30,\"boundary_offset\":41,\"seed\":7,\"worker\":\"worker-1\","
                                + "\"attempt\":4,\"admission_ms\":2.5,\"queued_ms\":1.5,\"first_token_ms\":12.5,\"total_ms\":20.0}}");
    }

    @Test
    @DisplayName(
            "An error result has the error, the record of its request, the worker and the attempt, and omits unknown fields")
    void error() {
        ErrorResult result = Samples.error();
        assertThat(text(result))
                .isEqualTo("{\"id\":\"r\",\"object\":\"error\",\"created\":1700000000,\"model\":\"m\","
                        + "\"error\":{\"type\":\"invalid_request_error\",\"code\":\"unknown_adapter\",\"message\":\"no adapter\","
                        + "\"param\":\"model\"},\"tidemark\":{\"source\":{\"topic\":\"generation-requests\","
                        + "\"partition\":0,\"offset\":5},\"base_model\":\"smollm2\",\"worker\":\"w\",\"attempt\":4}}");
        assertRoundTrip(result);
    }

    @Test
    @DisplayName("A dead letter has the error, the source position and size, and the first 64 KiB of the value")
    void deadLetter() {
        byte[] value = new byte[70_000];
        ErrorBody error = new ErrorBody(ErrorBody.INVALID_REQUEST, "invalid_json", "no", Optional.empty());
        assertThat(DeadLetterHeaders.of(error, "generation-requests", 2, 9, value)
                        .asMap())
                .isEqualTo(Map.of(
                        "tidemark.error.code",
                        "invalid_json",
                        "tidemark.error.message",
                        "no",
                        "tidemark.source.topic",
                        "generation-requests",
                        "tidemark.source.partition",
                        "2",
                        "tidemark.source.offset",
                        "9",
                        "tidemark.size",
                        "70000"));
        assertThat(DeadLetterHeaders.of(error, "t", 0, 0, null).asMap()).containsEntry("tidemark.size", "-1");
        assertThat(DeadLetterHeaders.kept(value)).hasSize(65_536);
    }

    @Test
    @DisplayName("A chat completion survives the JSON round trip")
    void chatCompletion() {
        assertRoundTrip(Samples.chatCompletion());
    }

    @Test
    @DisplayName("The headers of a dead letter are read with those of the original record between them")
    void deadLetterHeaders() {
        for (ErrorBody error : List.of(
                ErrorBody.invalidRequest("unknown_adapter", "adapter", "no adapter"),
                ErrorBody.serverError("sweep_failed", "failed"))) {
            DeadLetterHeaders headers = DeadLetterHeaders.of(error, "validation-batches", 3, 1L << 40, null);
            Map<String, String> all = new HashMap<>(headers.asMap());
            all.put("traceparent", "00");
            assertThat(DeadLetterHeaders.parse(all)).isEqualTo(headers);
            all.remove("tidemark.source.offset");
            assertThatThrownBy(() -> DeadLetterHeaders.parse(all))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("tidemark.source.offset");
            all.put("tidemark.source.offset", "x");
            assertThatThrownBy(() -> DeadLetterHeaders.parse(all)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    @DisplayName("A record with unknown fields in each of its objects is read as if it did not have them")
    void newerRecords() throws IOException {
        EventMessage event = new EventMessage("r", 3, 0, 7, "t", Optional.of("stop"));
        assertThat(TopicJson.read(withUnknownFields(event), EventMessage.class)).isEqualTo(event);
        for (ResultMessage result : List.of(Samples.completion(), Samples.error())) {
            assertThat(TopicJson.read(withUnknownFields(result), ResultMessage.class))
                    .isEqualTo(result);
        }
        CompletionResult chat =
                (CompletionResult) TopicJson.read(withUnknownFields(Samples.chatCompletion()), ResultMessage.class);
        assertThat(chat.choices().get(0).generated()).isEqualTo("A");
    }

    @Test
    @DisplayName("A result with a kind of completion, a finish reason and a message without text that are new is read")
    void newerValues() {
        String newer = text(Samples.chatCompletion())
                .replace("chat.completion", "tool.completion")
                .replace("\"stop\"", "\"tool_calls\"")
                .replace("\"content\":\"A\"", "\"content\":null,\"tool_calls\":[{\"id\":\"1\"}]");
        ResultMessage result = TopicJson.read(newer.getBytes(StandardCharsets.UTF_8), ResultMessage.class);
        assertThat(result.object()).isEqualTo("tool.completion");
        assertThat(result).isInstanceOfSatisfying(CompletionResult.class, completion -> {
            assertThat(completion.choices().get(0).finishReason()).isEqualTo("tool_calls");
            assertThat(completion.choices().get(0).generated()).isEmpty();
        });
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("A value that is no result is rejected")
    @ValueSource(
            strings = {
                "",
                "x",
                "null",
                "[]",
                "{}",
                "{\"id\":\"r\",\"object\":\"error\",\"created\":1,\"tidemark\":{\"source\":{\"topic\":\"t\","
                        + "\"partition\":0,\"offset\":5},\"base_model\":\"m\",\"worker\":\"w\",\"attempt\":4}}",
                "{\"id\":\"r\",\"object\":\"error\",\"created\":1,\"error\":{\"type\":\"t\",\"code\":\"c\",\"message\":\"m\"},"
                        + "\"tidemark\":{\"source\":{\"topic\":\"t\",\"partition\":0},\"base_model\":\"m\","
                        + "\"worker\":\"w\",\"attempt\":4}}",
                "{\"id\":\"r\",\"object\":\"error\",\"created\":1,\"error\":{\"type\":\"t\",\"code\":\"c\",\"message\":\"m\"}}"
            })
    void noResult(String value) {
        assertThatThrownBy(() -> TopicJson.read(value.getBytes(StandardCharsets.UTF_8), ResultMessage.class))
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .isNotBlank();
    }

    private static byte[] withUnknownFields(Object record) throws IOException {
        ObjectMapper json = new ObjectMapper();
        JsonNode tree = json.readTree(TopicJson.write(record));
        List<ObjectNode> objects = new ArrayList<>();
        collectObjects(tree, objects);
        objects.forEach(object -> object.putArray("unknown").addObject().put("id", 7));
        return json.writeValueAsBytes(tree);
    }

    private static void collectObjects(JsonNode node, List<ObjectNode> objects) {
        if (node instanceof ObjectNode object) {
            objects.add(object);
        }
        node.forEach(child -> collectObjects(child, objects));
    }

    private static void assertRoundTrip(EventMessage event) {
        assertThat(TopicJson.read(TopicJson.write(event), EventMessage.class)).isEqualTo(event);
    }

    private static void assertRoundTrip(ResultMessage result) {
        assertThat(TopicJson.read(TopicJson.write(result), ResultMessage.class)).isEqualTo(result);
    }

    private static String text(Object record) {
        return new String(TopicJson.write(record), StandardCharsets.UTF_8);
    }
}
