package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RequestParserTest {

    private final RequestParser parser = new RequestParser(1 << 20);

    @Test
    @DisplayName("a request with every field is read as it is written")
    void everyField() {
        RequestMessage request = valid("""
                {"id": "r1", "model": "restaurants", "prompt": "name[Aromi]", "messages": null, "max_tokens": 64,
                 "temperature": 0.7, "top_p": 0.9, "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1, "seed": -7,
                 "stop": ["\\n\\n"], "n": 2, "logprobs": 3, "user": "u", "stream": true, "priority": -1,
                 "deadline": "2026-12-01T13:00:00+01:00", "boundary": 12, "some_new_field": {"a": [1]}}""");

        assertThat(request).isEqualTo(new RequestMessage(Optional.of("r1"), "restaurants",
                new Input.Prompt("name[Aromi]"), 64, 0.7, 0.9, 5, 0.1, 1.1, OptionalLong.of(-7), List.of("\n\n"), 2,
                OptionalInt.of(3), Optional.of("u"), true, -1, Optional.of(Instant.parse("2026-12-01T12:00:00Z")),
                OptionalInt.of(12)));
    }

    @Test
    @DisplayName("what a request leaves out has the documented default")
    void defaults() {
        assertThat(valid("{\"model\": \"m\", \"prompt\": \"p\"}")).isEqualTo(new RequestMessage(Optional.empty(), "m",
                new Input.Prompt("p"), 256, 1, 1, 0, 0, 1, OptionalLong.empty(), List.of(), 1, OptionalInt.empty(),
                Optional.empty(), false, 0, Optional.empty(), OptionalInt.empty()));
    }

    @Test
    @DisplayName("what is written as JSON reads back as the same request, for a prompt and for messages")
    void roundTrip() {
        for (Input input : List.of(new Input.Prompt("é \uD83D\uDE00"),
                new Input.Messages(List.of(new ChatTurn("system", ""), new ChatTurn("user", "hi"))))) {
            RequestMessage request = RequestMessage.greedy("r", "m", input, 9).withStream(true)
                    .withBoundary(OptionalInt.of(0));
            byte[] json = new TopicJson().write(request);
            assertThat(parser.parse(json)).isEqualTo(new Parsed.Valid<>(request));
            assertThat(new String(json, StandardCharsets.UTF_8)).doesNotContain("null", "deadline", "seed", "input");
        }
    }

    @Test
    @DisplayName("one stop text may be written without a list, and a whole number with a fraction of zero")
    void spellings() {
        RequestMessage request = valid("{\"model\": \"m\", \"prompt\": \"p\", \"stop\": \"END\", \"max_tokens\": 64.0}");
        assertThat(request.stop()).containsExactly("END");
        assertThat(request.maxTokens()).isEqualTo(64);
    }

    @ParameterizedTest(name = "{0} is refused as {1} of {2}")
    @DisplayName("a wrong field is refused with a code and its name, and the request's id is kept")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            "max_tokens": "12"              | invalid_type       | max_tokens
            "max_tokens": 1.5               | invalid_type       | max_tokens
            "max_tokens": true              | invalid_type       | max_tokens
            "max_tokens": 0                 | out_of_range       | max_tokens
            "max_tokens": -1                | out_of_range       | max_tokens
            "max_tokens": 1e99              | out_of_range       | max_tokens
            "max_tokens": 1e999             | out_of_range       | max_tokens
            "max_tokens": 123456789012345678901 | out_of_range   | max_tokens
            "temperature": -0.1             | out_of_range       | temperature
            "temperature": NaN              | out_of_range       | temperature
            "temperature": "hot"            | invalid_type       | temperature
            "top_p": 0                      | out_of_range       | top_p
            "top_p": 1.01                   | out_of_range       | top_p
            "top_k": -1                     | out_of_range       | top_k
            "min_p": 1.5                    | out_of_range       | min_p
            "repetition_penalty": 0         | out_of_range       | repetition_penalty
            "seed": 1e300                   | out_of_range       | seed
            "seed": NaN                     | out_of_range       | seed
            "n": 0                          | out_of_range       | n
            "n": 17                         | out_of_range       | n
            "logprobs": 21                  | out_of_range       | logprobs
            "logprobs": true                | invalid_type       | logprobs
            "stop": [""]                    | invalid_value      | stop[0]
            "stop": ""                      | invalid_value      | stop
            "stop": ["a", 3]                | invalid_type       | stop[1]
            "stop": 3                       | invalid_type       | stop
            "stop": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17] | out_of_range | stop
            "stream": "true"                | invalid_type       | stream
            "stream": 1                     | invalid_type       | stream
            "user": 3                       | invalid_type       | user
            "priority": 3000000000          | out_of_range       | priority
            "deadline": "tomorrow"          | invalid_value      | deadline
            "deadline": "2026-12-01T12:00:00" | invalid_value    | deadline
            "deadline": 1764590400          | invalid_type       | deadline
            "boundary": -1                  | out_of_range       | boundary
            "boundary": "12"                | invalid_type       | boundary
            "messages": []                  | conflicting_fields | messages
            """)
    void wrongField(String field, String code, String param) {
        refused("{\"id\": \"r1\", \"model\": \"m\", \"prompt\": \"SECRET\", " + field + "}", code, param, "r1");
    }

    @ParameterizedTest(name = "{0} is refused as {1} of {2}")
    @DisplayName("prompt, messages and model must be there once, with the right types")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            "model": "m"                                           | missing_field | prompt
            "model": "m", "prompt": null                           | missing_field | prompt
            "prompt": "SECRET"                                     | missing_field | model
            "model": null, "prompt": "SECRET"                      | missing_field | model
            "model": 3, "prompt": "SECRET"                         | invalid_type  | model
            "model": "", "prompt": "SECRET"                        | invalid_value | model
            "model": "m", "prompt": ["SECRET"]                     | invalid_type  | prompt
            "model": "m", "prompt": ""                             | invalid_value | prompt
            "model": "m", "prompt": "SECRET \\ud800"               | invalid_value | prompt
            "model": "m", "messages": "SECRET"                     | invalid_type  | messages
            "model": "m", "messages": []                           | invalid_value | messages
            "model": "m", "messages": ["SECRET"]                   | invalid_type  | messages[0]
            "model": "m", "messages": [{"content": "SECRET"}]      | missing_field | messages[0].role
            "model": "m", "messages": [{"role": "user"}]           | missing_field | messages[0].content
            "model": "m", "messages": [{"role": "robot", "content": "SECRET"}]  | invalid_value | messages[0].role
            "model": "m", "messages": [{"role": "user", "content": ["SECRET"]}] | invalid_type  | messages[0].content
            """)
    void wrongInput(String fields, String code, String param) {
        refused("{\"id\": \"r1\", " + fields + "}", code, param, "r1");
    }

    @ParameterizedTest(name = "{0} is refused as {1}")
    @DisplayName("an id that is not usable is refused and not repeated")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            ""       | invalid_value
            7        | invalid_type
            "\\udc00"| invalid_value
            """)
    void wrongId(String id, String code) {
        refused("{\"id\": " + id + ", \"model\": \"m\", \"prompt\": \"SECRET\"}", code, "id", null);
        String longId = "\"" + "x".repeat(257) + "\"";
        refused("{\"id\": " + longId + ", \"model\": \"m\", \"prompt\": \"SECRET\"}", "out_of_range", "id", null);
    }

    private RequestMessage valid(String json) {
        Parsed<RequestMessage> parsed = parser.parse(json.getBytes(StandardCharsets.UTF_8));
        assertThat(parsed).isInstanceOf(Parsed.Valid.class);
        return ((Parsed.Valid<RequestMessage>) parsed).record();
    }

    private void refused(String json, String code, String param, String id) {
        Parsed<RequestMessage> parsed = parser.parse(json.getBytes(StandardCharsets.UTF_8));
        assertThat(parsed).isInstanceOf(Parsed.Invalid.class);
        Parsed.Invalid<RequestMessage> invalid = (Parsed.Invalid<RequestMessage>) parsed;
        assertThat(invalid.error().code()).as(invalid.error().message()).isEqualTo(code);
        assertThat(invalid.error().type()).isEqualTo("invalid_request");
        assertThat(invalid.error().param()).contains(param);
        assertThat(invalid.error().message()).doesNotContain("SECRET").contains("'" + param + "'");
        assertThat(invalid.id()).isEqualTo(Optional.ofNullable(id));
    }
}
