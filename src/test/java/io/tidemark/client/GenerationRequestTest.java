package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.message.AnswerFormat;
import io.tidemark.message.ChatTurn;
import io.tidemark.message.Input;
import io.tidemark.message.Parsed;
import io.tidemark.message.RequestMessage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A request of a client")
class GenerationRequestTest {

    @Test
    @DisplayName("Does not change with a node that the program gave and changes later")
    void givenNode() {
        ArrayNode tools = JsonNodeFactory.instance.arrayNode();
        GenerationRequest request = GenerationRequest.prompt("m", "p").with("tools", tools);
        tools.add("later");
        assertThat(request.field("tools")).isEmpty();
    }

    @Test
    @DisplayName("Is refused by the name of its field for a number that JSON does not have, and does not become a text")
    void numbersThatAreNotFinite() throws IOException {
        GenerationRequest request = GenerationRequest.prompt("m", "p");
        ObjectNode schema = (ObjectNode) new ObjectMapper().readTree("{\"type\": \"number\", \"maximum\": 1e999}");
        assertRefused(request.jsonSchema(schema), "invalid_value", "response_format.json_schema.schema");
        assertRefused(request.temperature(Double.NaN), "out_of_range", "temperature");
        assertRefused(request.topP(Double.NEGATIVE_INFINITY), "out_of_range", "top_p");
    }

    private static void assertRefused(GenerationRequest request, String code, String param) {
        assertThat(RequestMessage.parse(request.toBytes(), 1_000))
                .isInstanceOfSatisfying(Parsed.Invalid.class, invalid -> {
                    assertThat(invalid.error().code()).isEqualTo(code);
                    assertThat(invalid.error().param()).contains(param);
                });
    }

    @Test
    @DisplayName("Is what the worker parses")
    void parsed() {
        RequestMessage message = parsed(GenerationRequest.prompt("a", "caf\u00e9 \ud83d\ude00")
                .id("r")
                .maxTokens(5)
                .temperature(0)
                .topP(0.5)
                .topK(7)
                .logprobs(2)
                .seed(-3)
                .stop("x", "y")
                .choices(2)
                .priority(-1)
                .deadline(Instant.parse("2030-01-02T03:04:05Z"))
                .timeout(Duration.ofSeconds(3))
                .boundary(4)
                .streaming());
        assertThat(message.head().id()).contains("r");
        assertThat(message.model()).isEqualTo("a");
        assertThat(message.input()).isEqualTo(new Input.Prompt("caf\u00e9 \ud83d\ude00"));
        assertThat(message.ending().maxTokens()).isEqualTo(5);
        assertThat(message.ending().stop()).containsExactly("x", "y");
        assertThat(message.sampling().temperature()).isZero();
        assertThat(message.sampling().topP()).isEqualTo(0.5);
        assertThat(message.sampling().topK()).isEqualTo(7);
        assertThat(message.logprobs()).isEqualTo(OptionalInt.of(2));
        assertThat(message.sampling().seed()).isEqualTo(OptionalLong.of(-3));
        assertThat(message.n()).isEqualTo(2);
        assertThat(message.head().priority()).isEqualTo(-1);
        assertThat(message.head().deadline()).contains(Instant.parse("2030-01-02T03:04:05Z"));
        assertThat(message.head().timeoutMs()).isEqualTo(OptionalLong.of(3000));
        assertThat(message.boundary()).isEqualTo(OptionalInt.of(4));
        assertThat(message.stream()).isTrue();
    }

    @Test
    @DisplayName("Has the last format of its answer")
    void formats() {
        ObjectNode schema = JsonNodeFactory.instance.objectNode().put("type", "object");
        GenerationRequest request = GenerationRequest.prompt("a", "p").regex("x");
        assertThat(format(request)).isEqualTo(new AnswerFormat.Regex("x"));
        request = request.jsonSchema(schema);
        schema.put("type", "array");
        assertThat(format(request)).isEqualTo(new AnswerFormat.JsonSchema("{\"type\":\"object\"}"));
        assertThat(format(request.jsonObject())).isEqualTo(new AnswerFormat.JsonObject());
        assertThat(format(request.oneOf("yes", "no"))).isEqualTo(new AnswerFormat.OneOfTexts(List.of("yes", "no")));
        assertThat(format(request.grammar("start: X"))).isEqualTo(new AnswerFormat.Grammar("start: X"));
    }

    private static AnswerFormat format(GenerationRequest request) {
        return parsed(request).answer().format();
    }

    @Test
    @DisplayName("Has the messages of a conversation")
    void chat() {
        List<ChatTurn> messages = List.of(new ChatTurn("system", "be brief"), new ChatTurn("user", "hello"));
        assertThat(parsed(GenerationRequest.chat("a", messages)).input())
                .isEqualTo(new Input.Messages(messages, List.of()));
    }

    @Test
    @DisplayName("Is not changed by methods that give a changed copy, nor by changes of the JSON it was made of")
    void immutable() {
        GenerationRequest first = GenerationRequest.prompt("a", "p");
        GenerationRequest second =
                first.maxTokens(5).header("tidemark-tenant", "t").key("k");
        assertThat(first.json().size()).isEqualTo(2);
        assertThat(first.headers()).isEmpty();
        assertThat(first.key()).contains("a");
        assertThat(second.key()).contains("k");
        assertThat(second.withoutKey().key()).isEqualTo(Optional.empty());
        second.json().put("max_tokens", 7);
        assertThat(second.field("max_tokens").asInt()).isEqualTo(5);
        assertThat(second.headers()).containsOnlyKeys("tidemark-tenant");
    }

    @Test
    @DisplayName("Has no header that the client sets: of a reply topic, and the one that names the request")
    void clientHeaders() {
        for (String name : List.of("kafka_replyTopic", "tidemark-correlation")) {
            assertThatThrownBy(() -> GenerationRequest.prompt("a", "p").header(name, "t"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll(name, "Builder.replyTopic");
        }
    }

    private static RequestMessage parsed(GenerationRequest request) {
        Parsed<RequestMessage> parsed = RequestMessage.parse(request.toBytes(), 1 << 20);
        assertThat(parsed).isInstanceOf(Parsed.Valid.class);
        return ((Parsed.Valid<RequestMessage>) parsed).record();
    }

    static JsonNode parse(byte[] value) {
        try {
            return new ObjectMapper().readTree(value);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
