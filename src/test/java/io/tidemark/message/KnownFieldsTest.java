package io.tidemark.message;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.fixture.Bounds;
import io.tidemark.schema.AsyncApi;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The unknown fields of a request")
class KnownFieldsTest {

    private static final int MAX_BYTES = 4 << 20;

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"prompt\": \"p\", \"max_token\": 3 | max_token",
                "\"prompt\": \"p\", \"response_format\": {\"type\": \"text\", \"foo\": 1} | response_format.foo",
                "\"prompt\": \"p\", \"structured_outputs\": {\"regex\": \"a\", \"regexp\": \"b\"} | structured_outputs.regexp",
                "\"messages\": [{\"role\": \"user\", \"content\": \"c\", \"nmae\": \"n\"}] | messages[0].nmae",
                "\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"c\", \"y\": 1}]}]"
                        + " | messages[0].content[0].y",
                "\"messages\": [{\"role\": \"user\", \"content\": \"c\", \"a\": 1}], \"b\": {\"c\": 1}, \"d\": 1 | b d messages[0].a",
                "\"prompt\": \"p\", \"metadata\": {\"run\": \"7\"} | metadata",
                "\"prompt\": \"p\", \"store\": true, \"service_tier\": \"flex\" | store service_tier"
            })
    @DisplayName("Are named by their paths, those of the outer object first")
    void named(String fields, String paths) {
        assertThat(valid("{\"model\": \"m\", " + fields + "}").ignoredFields()).containsExactly(paths.split(" "));
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"prompt\": \"p\", \"x_trace\": 3",
                "\"prompt\": \"p\", \"store\": null",
                "\"prompt\": \"p\", \"echo\": false",
                "\"prompt\": \"p\", \"logit_bias\": {\"5\": 1}",
                "\"prompt\": \"p\", \"structured_outputs\": {\"regex\": \"a\", \"json_object\": false}",
                "\"prompt\": \"p\", \"structured_outputs\": {\"json\": {\"foo\": {\"bar\": 1}}}",
                "\"messages\": [{\"role\": \"user\", \"content\": \"c\", \"x_id\": 4}], \"tools\": [{\"any\": {\"thing\": 1}}]",
                "\"messages\": [{\"role\": \"assistant\", \"tool_calls\": [{\"id\": 1, \"odd\": 2, \"function\": {\"name\": \"f\","
                        + " \"arguments\": {\"a\": 1}}}]}]"
            })
    @DisplayName(
            "Do not include null, fields that begin with x_, refused fields without effect, and values of any form")
    void notNamed(String fields) {
        assertThat(valid("{\"model\": \"m\", " + fields + "}").ignoredFields()).isEmpty();
    }

    @Test
    @DisplayName("Do not include a field of the schema of requests")
    void schema() {
        AsyncApi document = AsyncApi.current();
        ObjectNode request = JsonNodeFactory.instance.objectNode();
        fill(request, document.definition("request"));
        fill(request, document.definition("input"));
        ObjectNode turn = request.putArray("messages").addObject();
        fill(turn, document.definition("chat-turn"));
        fill(turn.putArray("content").addObject(), document.definition("text-part"));
        for (String field : List.of("response_format", "structured_outputs")) {
            fill(request.putObject(field), document.definition("request").at("/properties/" + field));
        }
        JsonNode format = document.definition("request").at("/properties/response_format/properties/json_schema");
        fill(((ObjectNode) request.get("response_format")).putObject("json_schema"), format);
        assertThat(request).hasSizeGreaterThan(40);
        assertThat(KnownFields.REQUEST.others(request)).isEmpty();
        for (JsonNode object : List.of(request, turn, request.get("response_format"))) {
            ((ObjectNode) object).put("planted", 1);
        }
        assertThat(KnownFields.REQUEST.others(request)).hasSize(3);
    }

    @Test
    @DisplayName("Are named in the error of a request that cannot be parsed, so that a misspelled field is found")
    void ofInvalidRequest() {
        Parsed.Invalid<RequestMessage> invalid =
                invalid("{\"model\": \"m\", \"promt\": \"p\"}", UnknownField.Rule.IGNORE);
        assertThat(invalid.error().code()).isEqualTo("missing_field");
        assertThat(invalid.ignoredFields()).containsExactly("promt");
        assertThat(invalid("{\"model\": \"m\", \"promt\": ", UnknownField.Rule.IGNORE)
                        .ignoredFields())
                .isEmpty();
    }

    @Test
    @DisplayName("Are refused by a rule before the known fields are checked")
    void refused() {
        UnknownField.Rule rule =
                field -> field.path().equals("promt") && field.known().contains("prompt")
                        ? Optional.of(ErrorBody.invalidRequest("no", field.path(), "no"))
                        : Optional.empty();
        Parsed.Invalid<RequestMessage> invalid = invalid("{\"model\": 7, \"promt\": \"p\"}", rule);
        assertThat(invalid.error().code()).isEqualTo("no");
        assertThat(invalid.ignoredFields()).containsExactly("promt");
    }

    @Test
    @DisplayName("Are bounded in number and length, and cost a bounded multiple of their bytes")
    void bounded() {
        String wide = IntStream.range(0, 45_000)
                .mapToObj(i -> "\"f" + i + "\": 1")
                .collect(Collectors.joining(", ", "{\"model\": \"m\", \"prompt\": \"p\", ", "}"));
        String deep = IntStream.range(0, 12_000)
                .mapToObj(i -> "{\"role\": \"user\", \"content\": \"\", \"x_\": 1}")
                .collect(Collectors.joining(", ", "{\"model\": \"m\", \"messages\": [", "], \"y\": 1}"));
        String broken = "{\"model\": \"m\", \"prompt\": \"p\", \"" + "\u0142".repeat(40_000) + "\\ud800\": 1}";
        assertThat(parsed(wide)).hasSize(KnownFields.MAX_NAMES).startsWith("f0");
        assertThat(parsed(deep)).containsExactly("y");
        assertThat(parsed(broken))
                .singleElement()
                .satisfies(name ->
                        assertThat(name).hasSize(KnownFields.MAX_NAME_LENGTH).endsWith("…"));
        assertThat(valid("{\"model\": \"m\", \"prompt\": \"p\", \"a\\ud800\": 1}")
                        .ignoredFields())
                .containsExactly("a?");
    }

    private static List<String> parsed(String json) {
        byte[] value = json.getBytes(UTF_8);
        valid(json);
        Parsed<RequestMessage> parsed =
                new Bounds(10, 2_000, 200, 4 << 20).call(value.length, () -> RequestMessage.parse(value, MAX_BYTES));
        return ((Parsed.Valid<RequestMessage>) parsed).record().ignoredFields();
    }

    private static void fill(ObjectNode object, JsonNode schema) {
        assertThat(schema.path("properties")).isNotEmpty();
        schema.path("properties").fieldNames().forEachRemaining(name -> object.put(name, 1));
    }

    private static RequestMessage valid(String json) {
        return ((Parsed.Valid<RequestMessage>) RequestMessage.parse(json.getBytes(UTF_8), MAX_BYTES)).record();
    }

    private static Parsed.Invalid<RequestMessage> invalid(String json, UnknownField.Rule rule) {
        return (Parsed.Invalid<RequestMessage>) RequestMessage.parse(json.getBytes(UTF_8), MAX_BYTES, rule);
    }
}
