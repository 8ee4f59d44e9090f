package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ValidationBatchTest {

    private static final int MAX_BYTES = 1 << 20;
    private static final int MAX_EXAMPLES = 3;

    @Test
    @DisplayName("A validation batch with a prompt and messages survives the JSON round trip")
    void roundTrip() {
        ValidationBatch batch = new ValidationBatch(
                "b1",
                "restaurants",
                List.of(
                        new ValidationBatch.Example(new Input.Prompt("name[Aromi]"), "Aromi is a pub."),
                        new ValidationBatch.Example(Samples.chat(new ChatTurn("user", "hi")), "Hello.")));
        assertThat(ValidationBatch.parse(TopicJson.write(batch), MAX_BYTES, MAX_EXAMPLES))
                .isEqualTo(new Parsed.Valid<>(batch));
    }

    private static ValidationBatch.Example valid(String json) {
        byte[] value = json.getBytes(StandardCharsets.UTF_8);
        return ((Parsed.Valid<ValidationBatch.Example>) ValidationBatch.Example.parse(value, MAX_BYTES)).record();
    }

    @Test
    @DisplayName("An example may have a group of 1 to 256 characters")
    void group() {
        assertThat(valid("{\"prompt\":\"a\",\"completion\":\"b\",\"group\":\"g\"}")
                        .group())
                .contains("g");
        assertThat(valid("{\"prompt\":\"a\",\"completion\":\"b\",\"group\":null}")
                        .group())
                .isEmpty();
        for (String group : List.of("\"\"", "\"" + "g".repeat(257) + "\"", "7")) {
            byte[] value = ("{\"prompt\":\"a\",\"completion\":\"b\",\"group\":" + group + "}")
                    .getBytes(StandardCharsets.UTF_8);
            assertThat(((Parsed.Invalid<ValidationBatch.Example>) ValidationBatch.Example.parse(value, MAX_BYTES))
                            .error()
                            .param())
                    .contains("group");
        }
    }

    @Test
    @DisplayName("Examples are the same if they differ in white space, the form of Unicode, or the group only")
    void identity() {
        String identity = valid("{\"prompt\":\"caf\u00e9 au  lait\",\"completion\":\" b\"}")
                .identity();
        for (String same : List.of(
                "{\"prompt\":\" cafe\u0301\\u00a0au\\n\\tlait \",\"completion\":\"b\\n\"}",
                "{\"prompt\":\"caf\u00e9 au lait\",\"completion\":\"b\",\"group\":\"g\",\"x\":1}")) {
            assertThat(valid(same).identity()).isEqualTo(identity);
        }
        for (String other : List.of(
                "{\"prompt\":\"Caf\u00e9 au lait\",\"completion\":\"b\"}",
                "{\"prompt\":\"caf\u00e9 aulait\",\"completion\":\"b\"}",
                "{\"prompt\":\"caf\u00e9 au\",\"completion\":\"lait b\"}")) {
            assertThat(valid(other).identity()).isNotEqualTo(identity);
        }
        String chat = "{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}],\"completion\":\"b\"}";
        assertThat(valid(chat.formatted("a  b")).identity())
                .isEqualTo(valid(chat.formatted("\\na b")).identity())
                .isNotEqualTo(valid(chat.formatted("ab")).identity());
    }

    @Test
    @DisplayName("A raw validation batch is written with its examples as they are")
    void raw() throws IOException {
        String example = "{\"z\":null,\"prompt\":\"caf\u00e9 \ud83d\ude00\",\"completion\":\"c\",\"references\":[],"
                + "\"n\":[1,2.5,1.0E300,0.1]}";
        RawValidationBatch raw = new RawValidationBatch(
                "b1",
                "a",
                List.of(new ObjectMapper().readTree(example), new ObjectMapper().readTree("{\"prompt\":7}")));
        assertThat(new String(raw.toJson(), StandardCharsets.UTF_8))
                .isEqualTo("{\"batch_id\":\"b1\",\"adapter\":\"a\",\"examples\":[" + example + ",{\"prompt\":7}]}");
    }

    @Test
    @DisplayName("A raw validation batch is written like one whose examples were parsed")
    void rawAndParsed() throws IOException {
        ValidationBatch batch = new ValidationBatch(
                "b1", "a", List.of(new ValidationBatch.Example(new Input.Prompt("name[Aromi]"), "Aromi is a pub.")));
        RawValidationBatch raw = new RawValidationBatch(
                "b1",
                "a",
                List.of(new ObjectMapper()
                        .readTree("{\"prompt\": \"name[Aromi]\", \"completion\": \"Aromi is a pub.\"}")));
        assertThat(raw.toJson()).isEqualTo(TopicJson.write(batch));
    }

    @ParameterizedTest(name = "{0} is rejected with code {1} and param {2}")
    @DisplayName("An invalid validation batch is rejected with a code, the name of the field and the id of the batch")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            "examples": []                                           | invalid_value | examples
            "examples": {}                                           | invalid_type  | examples
            "x": 1                                                   | missing_field | examples
            "examples": ["SECRET"]                                   | invalid_type  | examples[0]
            "examples": [{"prompt": "SECRET"}]                       | missing_field | examples[0].completion
            "examples": [{"prompt": "SECRET", "completion": ""}]     | invalid_value | examples[0].completion
            "examples": [{"prompt": "SECRET", "completion": 3}]      | invalid_type  | examples[0].completion
            "examples": [{"prompt": "p", "completion": "c"}, {"completion": "SECRET"}] | missing_field | examples[1].prompt
            "examples": [1, 2, 3, 4]                                 | invalid_value | examples
            """)
    void wrongBatch(String field, String code, String param) {
        Parsed<ValidationBatch> parsed = ValidationBatch.parse(
                ("{\"batch_id\": \"b1\", \"adapter\": \"a\", " + field + "}").getBytes(StandardCharsets.UTF_8),
                MAX_BYTES,
                MAX_EXAMPLES);
        assertThat(parsed).isInstanceOf(Parsed.Invalid.class);
        Parsed.Invalid<ValidationBatch> invalid = (Parsed.Invalid<ValidationBatch>) parsed;
        assertThat(invalid.error().type()).isEqualTo("invalid_request_error");
        assertThat(invalid.error().code()).isEqualTo(code);
        assertThat(invalid.error().param()).contains(param);
        assertThat(invalid.error().message()).doesNotContain("SECRET");
    }

    @Test
    @DisplayName("A validation batch without an id or an adapter is rejected")
    void missingNames() {
        assertThat(param("{\"adapter\": \"a\", \"examples\": []}")).isEqualTo("batch_id");
        assertThat(param("{\"batch_id\": \"b\", \"examples\": []}")).isEqualTo("adapter");
    }

    @Test
    @DisplayName("An example that stands alone has the rules of one in a batch, and paths that begin at the example")
    void exampleAlone() {
        assertThat(example("{\"prompt\": \"p\", \"completion\": \"c\", \"references\": [\"r\"], \"answer\": 3}"))
                .isEqualTo(new Parsed.Valid<>(new ValidationBatch.Example(new Input.Prompt("p"), "c")));
        Parsed.Invalid<ValidationBatch.Example> invalid = (Parsed.Invalid<ValidationBatch.Example>)
                example("{\"messages\": [{\"role\": \"SECRET\", \"content\": \"x\"}], \"completion\": \"c\"}");
        assertThat(invalid.error())
                .isEqualTo(ErrorBody.invalidRequest(
                        "invalid_value",
                        "messages[0].role",
                        "'messages[0].role' must be system, developer, user, assistant or tool"));
    }

    private static Parsed<ValidationBatch.Example> example(String json) {
        return ValidationBatch.Example.parse(json.getBytes(StandardCharsets.UTF_8), MAX_BYTES);
    }

    private String param(String json) {
        return ((Parsed.Invalid<ValidationBatch>)
                        ValidationBatch.parse(json.getBytes(StandardCharsets.UTF_8), MAX_BYTES, MAX_EXAMPLES))
                .error()
                .param()
                .orElseThrow();
    }
}
