package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.schema.Schema;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The format of an answer")
class FormatFieldsTest {

    private static final String SCHEMA = "{\"type\":\"object\",\"properties\":{\"b\":{},\"a\":{\"const\":1.50}}}";

    static Stream<Arguments> formats() {
        AnswerFormat schema =
                new AnswerFormat.JsonSchema("{\"type\":\"object\",\"properties\":{\"b\":{},\"a\":{\"const\":1.5}}}");
        String openAi = "response_format.json_schema.schema";
        return Stream.of(
                Arguments.of(
                        "\"response_format\": {\"type\": \"json_object\"}",
                        new AnswerFormat.JsonObject(),
                        "response_format"),
                Arguments.of(
                        "\"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"name\": \"n\", \"schema\": "
                                + SCHEMA + "}}",
                        schema,
                        openAi),
                Arguments.of(
                        "\"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"strict\": false, \"schema\": "
                                + SCHEMA.replace(",", " , ") + "}}",
                        schema,
                        openAi),
                Arguments.of("\"structured_outputs\": {\"json\": " + SCHEMA + "}", schema, "structured_outputs.json"),
                Arguments.of(
                        "\"structured_outputs\": {\"json\": \"" + SCHEMA.replace("\"", "\\\"") + "\"}",
                        schema,
                        "structured_outputs.json"),
                Arguments.of(
                        "\"structured_outputs\": {\"regex\": \"[a-z]+\\\\d\", \"disable_any_whitespace\": false}",
                        new AnswerFormat.Regex("[a-z]+\\d"),
                        "structured_outputs.regex"),
                Arguments.of(
                        "\"structured_outputs\": {\"choice\": [\"b\", \"a\", \"b\"], \"json\": null}",
                        new AnswerFormat.OneOfTexts(List.of("b", "a")),
                        "structured_outputs.choice"),
                Arguments.of(
                        "\"structured_outputs\": {\"grammar\": \"start: \\\"a\\\"\"}, \"response_format\": {\"type\": \"text\"}",
                        new AnswerFormat.Grammar("start: \"a\""),
                        "structured_outputs.grammar"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("formats")
    @DisplayName("Is read as OpenAI and vLLM write it, is accepted by the schema of requests, and can be written")
    void isRead(String fields, AnswerFormat expected, String field) {
        String json = "{\"model\": \"m\", \"prompt\": \"p\", \"ignore_eos\": false, " + fields + "}";
        RequestMessage request = valid(json);
        assertThat(request.answer()).isEqualTo(new FormatFields(expected, field));
        assertThat(Schema.named("request").problems(json)).isEmpty();
        String written = new String(TopicJson.write(request), StandardCharsets.UTF_8);
        assertThat(valid(written)).isEqualTo(request);
        assertThat(Schema.named("request").problems(written)).isEmpty();
    }

    @Test
    @DisplayName("Is any text by default, which is not written")
    void isFreeText() {
        RequestMessage request = valid("{\"model\": \"m\", \"prompt\": \"p\", \"ignore_eos\": true}");
        assertThat(request.answer().isFreeText()).isTrue();
        assertThat(new String(TopicJson.write(request), StandardCharsets.UTF_8))
                .doesNotContain("format", "structured", "free");
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"{\"a\": 1e999}", "{\"a\": [NaN]}", "{\"\\ud800\": 1}", "{\"a\": {\"b\": \"\\udc00\"}}"})
    @DisplayName(
            "Is refused if its schema has a number or a text that is not JSON's, since another one would be enforced")
    void isPortable(String schema) {
        for (String json : List.of(schema, "\"" + schema.replace("\\", "\\\\").replace("\"", "\\\"") + "\"")) {
            String request = "{\"model\": \"m\", \"prompt\": \"p\", \"structured_outputs\": {\"json\": " + json + "}}";
            Parsed<RequestMessage> parsed = RequestMessage.parse(request.getBytes(StandardCharsets.UTF_8), 1 << 20);
            assertThat(((Parsed.Invalid<RequestMessage>) parsed).error())
                    .extracting(ErrorBody::code, error -> error.param().orElse(""))
                    .containsExactly("invalid_value", "structured_outputs.json");
        }
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"[]", "3", "{", "{\"a\": 1, \"a\": 2}", "{} {}", "{'a': 1}"})
    @DisplayName("Is refused if the text of its schema is not the JSON of an object")
    void isNoObject(String text) {
        String request = "{\"model\": \"m\", \"prompt\": \"p\", \"structured_outputs\": {\"json\": \""
                + text.replace("\"", "\\\"") + "\"}}";
        Parsed<RequestMessage> parsed = RequestMessage.parse(request.getBytes(StandardCharsets.UTF_8), 1 << 20);
        assertThat(((Parsed.Invalid<RequestMessage>) parsed).error().code()).isEqualTo("invalid_value");
    }

    @Test
    @DisplayName("Has the bytes of its texts in UTF-8")
    void bytes() {
        assertThat(new AnswerFormat.OneOfTexts(List.of("\u0142", "a")).bytes()).isEqualTo(3);
        assertThat(new AnswerFormat.JsonSchema("{}").bytes()).isEqualTo(2);
        assertThat(new AnswerFormat.JsonObject().bytes()).isZero();
    }

    private static RequestMessage valid(String json) {
        Parsed<RequestMessage> parsed = RequestMessage.parse(json.getBytes(StandardCharsets.UTF_8), 1 << 20);
        assertThat(parsed).as(json).isInstanceOf(Parsed.Valid.class);
        return ((Parsed.Valid<RequestMessage>) parsed).record();
    }
}
