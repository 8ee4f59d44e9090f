package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonFactory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class OutgoingRecordsTest {

    @Test
    @DisplayName("An event has the documented fields, and no finish_reason before the end")
    void event() throws IOException {
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
    @DisplayName("A completion result survives the JSON round trip and has snake_case names")
    void completion() throws IOException {
        CompletionResult result = Samples.completion();
        assertThat(text(result))
                .contains(
                        "\"finish_reason\":\"stop\"",
                        "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1,\"total_tokens\":6,"
                                + "\"prompt_tokens_details\":{\"cached_tokens\":3}}",
                        "\"tidemark\":{\"source\":{\"topic\":\"generation-requests\",\"partition\":3,\"offset\":17},",
                        "\"adapter_digest\":",
                        "\"boundary_offset\":41",
                        "\"first_token_ms\":12.5",
                        "\"top_logprobs\":[");
        assertRoundTrip(result);
        assertThat(text(result))
                .isEqualTo("{\"id\":\"r\",\"object\":\"text_completion\",\"created\":1700000000,"
                        + "\"model\":\"restaurants\",\"choices\":[{\"index\":0,\"text\":\"A\",\"finish_reason\":\"stop\","
                        + "\"logprobs\":{\"content\":[{\"token\":\"A\",\"token_id\":3,\"logprob\":-0.25,"
                        + "\"top_logprobs\":[{\"token\":\"A\",\"token_id\":3,\"logprob\":-0.25}]}]}}],"
                        + "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1,\"total_tokens\":6,"
                        + "\"prompt_tokens_details\":{\"cached_tokens\":3}},"
                        + "\"tidemark\":{\"source\":{\"topic\":\"generation-requests\",\"partition\":3,\"offset\":17},"
                        + "\"base_model\":\"smollm2\",\"adapter_digest\":\"3fa2\",\"boundary\":14,\"num_layers\":30,"
                        + "\"boundary_offset\":41,\"seed\":7,\"worker\":\"worker-1\",\"attempt\":4,"
                        + "\"queued_ms\":1.5,\"first_token_ms\":12.5,\"total_ms\":20.0}}");
    }

    @Test
    @DisplayName(
            "An error result has the error, the record of its request, the worker and the attempt, and omits unknown fields")
    void error() throws IOException {
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

    private static void assertRoundTrip(Object record) throws IOException {
        assertThat(TopicJson.newMapper(new JsonFactory()).readValue(TopicJson.write(record), record.getClass()))
                .isEqualTo(record);
    }

    private static String text(Object record) {
        return new String(TopicJson.write(record), StandardCharsets.UTF_8);
    }
}
