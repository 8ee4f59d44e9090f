package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.schema.Schema;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RequestMessageTest {

    private static final int MAX_BYTES = 1 << 20;

    @Test
    @DisplayName("A request with every field parses to the record with these values")
    void everyField() {
        RequestMessage request = valid("""
                {"id": "r1", "model": "restaurants", "prompt": "name[Aromi]", "messages": null, "max_tokens": 64,
                 "temperature": 0.7, "top_p": 0.9, "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1, "seed": -7,
                 "presence_penalty": 0.5, "frequency_penalty": -2, "logit_bias": {"17": -100, "0": 2.5},
                 "min_tokens": 4, "stop_token_ids": [5, 9], "ignore_eos": true, "stop": ["\\n\\n"], "n": 2, "logprobs": 3, "user": "u", "stream": true, "priority": -1,
                 "deadline": "2026-12-01T13:00:00+01:00", "timeout_ms": 30000, "boundary": 12, "some_new_field": {"a": [1]}}""");

        assertThat(request)
                .isEqualTo(new RequestMessage(
                        new RequestHead(
                                Optional.of("r1"),
                                -1,
                                Optional.of(Instant.parse("2026-12-01T12:00:00Z")),
                                OptionalLong.of(30_000)),
                        "restaurants",
                        new Input.Prompt("name[Aromi]"),
                        new SamplingFields(
                                0.7, 0.9, 5, 0.1, 1.1, 0.5, -2, Map.of(17, -100.0, 0, 2.5), OptionalLong.of(-7)),
                        new EndingFields(64, 4, List.of("\n\n"), List.of(5, 9), true),
                        FormatFields.FREE_TEXT,
                        2,
                        OptionalInt.of(3),
                        Optional.of("u"),
                        true,
                        OptionalInt.of(12),
                        List.of("some_new_field")));
    }

    @Test
    @DisplayName("Absent fields of a request have the documented defaults")
    void defaults() {
        assertThat(valid("{\"model\": \"m\", \"prompt\": \"p\"}"))
                .isEqualTo(new RequestMessage(
                        RequestHead.EMPTY,
                        "m",
                        new Input.Prompt("p"),
                        new SamplingFields(1, 1, 0, 0, 1, 0, 0, Map.of(), OptionalLong.empty()),
                        new EndingFields(256, 0, List.of(), List.of(), false),
                        FormatFields.FREE_TEXT,
                        1,
                        OptionalInt.empty(),
                        Optional.empty(),
                        false,
                        OptionalInt.empty(),
                        List.of()));
    }

    @Test
    @DisplayName("A request expires at its deadline or after its timeout, whichever is sooner")
    void expiry() {
        String request = "{\"model\": \"m\", \"prompt\": \"p\"";
        String deadline = request + ", \"deadline\": \"1970-01-01T00:00:02Z\"";
        assertThat(valid(request + "}").head().expiry(1000)).isEmpty();
        assertThat(valid(deadline + "}").head().expiry(1000)).contains(Instant.ofEpochMilli(2000));
        assertThat(valid(request + ", \"timeout_ms\": 1}").head().expiry(1000)).contains(Instant.ofEpochMilli(1001));
        assertThat(valid(deadline + ", \"timeout_ms\": 999}").head().expiry(1000))
                .contains(Instant.ofEpochMilli(1999));
        assertThat(valid(deadline + ", \"timeout_ms\": 1001}").head().expiry(1000))
                .contains(Instant.ofEpochMilli(2000));
    }

    @Test
    @DisplayName("The largest timeout does not overflow, whatever the timestamp of the record")
    void largestTimeout() {
        RequestMessage request = valid("{\"model\": \"m\", \"prompt\": \"p\", \"timeout_ms\": " + Long.MAX_VALUE + "}");
        assertThat(request.head().expiry(Long.MAX_VALUE).orElseThrow().toEpochMilli())
                .isEqualTo(Long.MAX_VALUE);
        assertThat(request.head().expiry(1).orElseThrow().toEpochMilli()).isEqualTo(Long.MAX_VALUE);
        assertThat(request.head().expiry(-1).orElseThrow().toEpochMilli()).isEqualTo(Long.MAX_VALUE - 1);
    }

    @Test
    @DisplayName("A request with a prompt or with messages survives the JSON round trip")
    void roundTrip() {
        for (Input input : List.of(
                new Input.Prompt("é \uD83D\uDE00"),
                Samples.chat(new ChatTurn("system", ""), new ChatTurn("user", "hi")))) {
            RequestMessage request = Samples.request(input, OptionalInt.of(0));
            byte[] json = TopicJson.write(request);
            assertThat(RequestMessage.parse(json, MAX_BYTES)).isEqualTo(new Parsed.Valid<>(request));
            assertThat(new String(json, StandardCharsets.UTF_8))
                    .doesNotContain("null", "deadline", "timeout_ms", "seed", "input");
        }
    }

    @Test
    @DisplayName("A single stop string needs no list, and 64.0 is accepted as an integer")
    void spellings() {
        RequestMessage request = valid("""
                {"model": "m", "prompt": "p", "stop": "END", "max_tokens": 64.0}""");
        assertThat(request.ending().stop()).containsExactly("END");
        assertThat(request.ending().maxTokens()).isEqualTo(64);
    }

    @Test
    @DisplayName("Log-probabilities are requested as in OpenAI's completions API or as in its chat API")
    void logprobs() {
        String request = "{\"model\": \"m\", \"prompt\": \"p\"";
        assertThat(valid(request + ", \"logprobs\": 0}").logprobs()).hasValue(0);
        assertThat(valid(request + ", \"logprobs\": true}").logprobs()).hasValue(0);
        assertThat(valid(request + ", \"logprobs\": true, \"top_logprobs\": 20}")
                        .logprobs())
                .hasValue(20);
        assertThat(valid(request + ", \"logprobs\": false, \"top_logprobs\": null}")
                        .logprobs())
                .isEmpty();
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("An unsupported OpenAI field is accepted with a value that has no effect")
    @ValueSource(
            strings = {
                "\"best_of\": 1",
                "\"echo\": false",
                "\"suffix\": \"\"",
                "\"tool_choice\": \"auto\"",
                "\"response_format\": {\"type\": \"text\"}",
                "\"response_format\": null, \"structured_outputs\": null",
                "\"guided_json\": null",
                "\"modalities\": [\"text\"]",
                "\"audio\": null",
                "\"max_completion_tokens\": 256"
            })
    void harmless(String field) {
        String json = "{\"model\": \"m\", \"prompt\": \"p\", " + field + "}";
        assertThat(valid(json)).isEqualTo(valid("{\"model\": \"m\", \"prompt\": \"p\"}"));
        assertThat(Schema.named("request").problems(json)).isEmpty();
    }

    @ParameterizedTest(name = "{0} is rejected with code {1} and param {2}")
    @DisplayName("An invalid field is rejected with a code and its name, and the error has the id of the request")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = RefusedRequests.WRONG_FIELDS)
    void wrongField(String field, String code, String param) {
        refused("{\"id\": \"r1\", \"model\": \"m\", \"prompt\": \"SECRET\", " + field + "}", code, param, "r1");
    }

    @ParameterizedTest(name = "{0} is rejected with code {1} and param {2}")
    @DisplayName("Invalid or missing prompt, messages and model are rejected")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = RefusedRequests.WRONG_INPUTS)
    void wrongInput(String fields, String code, String param) {
        refused("{\"id\": \"r1\", " + fields + "}", code, param, "r1");
    }

    @Test
    @DisplayName("NaN, unpaired surrogates and contradicting fields are rejected with the name of the field")
    void beyondSchemas() {
        String request = "{\"id\": \"r1\", \"model\": \"m\", \"prompt\": \"SECRET\", ";
        refused(request + "\"temperature\": NaN}", "out_of_range", "temperature", "r1");
        refused(request + "\"seed\": -Infinity}", "out_of_range", "seed", "r1");
        refused(request + "\"min_tokens\": 9, \"max_tokens\": 8}", "out_of_range", "min_tokens", "r1");
        refused(
                request + "\"max_completion_tokens\": 9, \"max_tokens\": 8}",
                "conflicting_fields",
                "max_completion_tokens",
                "r1");
        refused(request + "\"user\": \"\\ud800\"}", "invalid_value", "user", "r1");
        refused("{\"id\": \"r1\", \"model\": \"m\", \"prompt\": \"SECRET \\ud800\"}", "invalid_value", "prompt", "r1");
        String chat = "{\"id\": \"r1\", \"model\": \"m\", \"messages\": [{\"role\": \"user\", \"content\": ";
        refused(chat + "\"\\udc00 SECRET\"}]}", "invalid_value", "messages[0].content", "r1");
        refused(
                chat + "[{\"type\": \"text\", \"text\": \"\\ud800\"}]}]}",
                "invalid_value",
                "messages[0].content[0].text",
                "r1");
        refused(chat + "\"x\"}], \"tools\": [{}, {\"a\": [\"SECRET \\ud800\"]}]}", "invalid_value", "tools[1]", "r1");
        refused(chat + "\"x\"}], \"tools\": [{\"\\ud800\": 1}]}", "invalid_value", "tools[0]", "r1");
        refused(chat + "\"x\"}], \"tools\": [{\"a\": NaN}]}", "invalid_value", "tools[0]", "r1");
        refused(
                "{\"id\": \"r1\", \"model\": \"m\", \"messages\": [{\"role\": \"assistant\", \"tool_calls\": [{\"function\": "
                        + "{\"name\": \"f\", \"arguments\": \"{SECRET\"}}]}]}",
                "invalid_value",
                "messages[0].tool_calls[0].function.arguments",
                "r1");
    }

    @Test
    @DisplayName(
            "Tools and tool calls keep the order of their fields, and arguments given as a string become an object")
    void toolsAndCalls() {
        Input.Messages chat = (Input.Messages) valid("""
                {"model": "m", "tools": [{"type": "function", "function": {"b": 1, "a": [0.5, null, true, "é"]}}], "messages": [
                 {"role": "user", "content": [{"type": "text", "text": "What", "cache": 1}, {"type": "text", "text": " now?"}], "unknown": 1},
                 {"role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [
                  {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\\"z\\": 1, \\"y\\": {}}"}}]},
                 {"role": "tool", "tool_call_id": "c1", "name": "f", "content": "7", "tool_calls": []}]}""").input();
        assertThat(chat.tools()).hasToString("[{type=function, function={b=1, a=[0.5, null, true, é]}}]");
        assertThat(chat.messages())
                .extracting(turn -> turn.fields().toString())
                .containsExactly(
                        "{role=user, content=[{type=text, text=What}, {type=text, text= now?}]}",
                        "{role=assistant, tool_calls=[{id=c1, type=function, function={name=f, arguments={z=1, y={}}}}], reasoning_content=hm}",
                        "{role=tool, content=7, tool_call_id=c1, name=f}");
        assertThat(chat.messages()).extracting(ChatTurn::text).containsExactly("What now?", "", "7");
        assertThat(((Input.Messages) valid(
                                        "{\"model\": \"m\", \"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"tools\": []}")
                                .input())
                        .tools())
                .isEmpty();
    }

    @Test
    @DisplayName("Messages may have each of OpenAI's roles, and the schema accepts them")
    void roles() {
        for (String role : List.of("system", "developer", "user", "assistant", "tool")) {
            String json = "{\"model\": \"m\", \"messages\": [{\"role\": \"%s\", \"content\": \"x\"}]}".formatted(role);
            assertThat(valid(json).input()).isEqualTo(Samples.chat(new ChatTurn(role, "x")));
            assertThat(Schema.named("request").problems(json)).isEmpty();
        }
    }

    @ParameterizedTest(name = "id {0} is rejected with code {1}")
    @DisplayName("An invalid id is rejected and not part of the error")
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

    @Test
    @DisplayName("A type error distinguishes integers from numbers with a fraction")
    void namesNumbers() {
        assertThat(message("{\"model\": 5, \"prompt\": \"x\"}")).isEqualTo("'model' must be a string, not an integer");
        assertThat(message("{\"model\": 1.5, \"prompt\": \"x\"}")).endsWith("not a number with a fraction");
    }

    @Test
    @DisplayName("A document with too many elements or names is refused while it is read, with the field that has them")
    void tooManyElements() {
        String start = "{\"id\": \"r\", \"model\": \"m\", \"messages\": [{\"role\": \"user\", \"content\": \"x\"}], ";
        tooMany(start + "\"tools\": [{\"parameters\": [" + "{},".repeat(250_000) + "{}]}]}", Optional.of("tools"));
        tooMany(start + "\"logit_bias\": {" + names(50_000) + "}}", Optional.of("logit_bias"));
        tooMany(start + "\"secret\": [" + "1,".repeat(100_000) + "1]}", Optional.empty());
        valid(start + "\"tools\": [{\"parameters\": [" + "{},".repeat(49_000) + "{}]}]}");
    }

    @Test
    @DisplayName("The id of a document that exceeds a limit is known, if a valid one stands before the limit")
    void idBeforeTheLimit() {
        String elements = "\"secret\": [" + "1,".repeat(100_000) + "1]";
        String before = "\"model\": {\"id\": \"other\"}, \"id\": ";
        assertThat(idOf("{" + before + "\"r1\", " + elements + "}")).contains("r1");
        assertThat(idOf("{" + before + "\"r1\", \"secret\": " + "[".repeat(40))).contains("r1");
        assertThat(idOf("{" + before + "\"r1\", \"secret\": " + "1".repeat(2_000) + "}"))
                .contains("r1");
        assertThat(idOf("{" + elements + ", \"id\": \"r1\"}")).isEmpty();
        assertThat(idOf("{" + before + "7, " + elements + "}")).isEmpty();
        assertThat(idOf("{" + before + "\"" + "x".repeat(257) + "\", " + elements + "}"))
                .isEmpty();
        assertThat(idOf("[" + "1,".repeat(100_000) + "1]")).isEmpty();
    }

    private static Optional<String> idOf(String json) {
        assertThat(RequestMessage.parse(json.getBytes(StandardCharsets.UTF_8), MAX_BYTES))
                .isInstanceOf(Parsed.Invalid.class);
        return RequestEstimate.of(json.getBytes(StandardCharsets.UTF_8), 1)
                .head()
                .id();
    }

    @Test
    @DisplayName("The arguments of a tool call have the same limit")
    void tooManyArguments() {
        refused(
                "{\"id\": \"r\", \"model\": \"m\", \"messages\": [{\"role\": \"assistant\", \"tool_calls\": [{\"function\": {\"name\":"
                        + " \"f\", \"arguments\": \"{\\\"a\\\": [" + "{},".repeat(50_000) + "{}]}\"}}]}]}",
                "invalid_value",
                "messages[0].tool_calls[0].function.arguments",
                "r");
    }

    @Test
    @DisplayName("A request for more log-probabilities than a result has space for is refused")
    void tooManyLogprobs() {
        String start =
                "{\"id\": \"r\", \"model\": \"m\", \"prompt\": \"x\", \"n\": 16, \"logprobs\": 15, \"max_tokens\": ";
        assertThat(valid(start + "256}").maxLogprobs()).isEqualTo(RequestMessage.MAX_LOGPROBS);
        refused(start + "257}", "out_of_range", "logprobs", "r");
    }

    private static void tooMany(String json, Optional<String> param) {
        Parsed<RequestMessage> parsed = RequestMessage.parse(json.getBytes(StandardCharsets.UTF_8), MAX_BYTES);
        assertThat(parsed).isInstanceOfSatisfying(Parsed.Invalid.class, invalid -> {
            assertThat(invalid.error().code()).isEqualTo("out_of_range");
            assertThat(invalid.error().param()).isEqualTo(param);
            assertThat(invalid.error().message()).contains("100000").doesNotContain("secret");
        });
    }

    private static String names(int count) {
        return IntStream.range(0, count).mapToObj(i -> "\"" + i + "\": 1").collect(Collectors.joining(","));
    }

    private String message(String json) {
        return ((Parsed.Invalid<RequestMessage>) RequestMessage.parse(json.getBytes(StandardCharsets.UTF_8), MAX_BYTES))
                .error()
                .message();
    }

    private RequestMessage valid(String json) {
        Parsed<RequestMessage> parsed = RequestMessage.parse(json.getBytes(StandardCharsets.UTF_8), MAX_BYTES);
        assertThat(parsed).isInstanceOf(Parsed.Valid.class);
        return ((Parsed.Valid<RequestMessage>) parsed).record();
    }

    private void refused(String json, String code, String param, String id) {
        Parsed<RequestMessage> parsed = RequestMessage.parse(json.getBytes(StandardCharsets.UTF_8), MAX_BYTES);
        assertThat(parsed).isInstanceOf(Parsed.Invalid.class);
        Parsed.Invalid<RequestMessage> invalid = (Parsed.Invalid<RequestMessage>) parsed;
        assertThat(invalid.error().code()).as(invalid.error().message()).isEqualTo(code);
        assertThat(invalid.error().type()).isEqualTo("invalid_request_error");
        assertThat(invalid.error().param()).contains(param);
        assertThat(invalid.error().message()).doesNotContain("SECRET").contains("'" + param + "'");
        assertThat(RequestEstimate.of(json.getBytes(StandardCharsets.UTF_8), 1)
                        .head()
                        .id())
                .isEqualTo(Optional.ofNullable(id));
    }
}
