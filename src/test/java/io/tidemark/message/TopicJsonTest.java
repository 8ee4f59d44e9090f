package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TopicJsonTest {

    @Test
    @DisplayName("A null, empty or blank value is rejected with code empty_value")
    void empty() {
        assertThat(refusal((byte[]) null).code()).isEqualTo("empty_value");
        assertThat(refusal(new byte[0]).code()).isEqualTo("empty_value");
        assertThat(refusal("  \n").code()).isEqualTo("empty_value");
    }

    @ParameterizedTest
    @DisplayName("Malformed JSON is rejected with its position and without its text")
    @ValueSource(
            strings = {
                "SECRET",
                "{\"prompt\": \"SECRET",
                "{\"prompt\": SECRET}",
                "{'prompt': 'SECRET'}",
                "{\"prompt\": \"SECRET\"} x",
                "{\"prompt\": \"SECRET\"} {}",
                "{\"SECRET\": 1, \"SECRET\": 2}",
                "{\"a\": 01}",
                "{\"a\": {\"SECRET\": 1, \"SECRET\": 2}}",
                "{\"a\": \"SECRET\u0001\"}",
                "{} // SECRET",
                "{\"a\": 1,}"
            })
    void notJson(String value) {
        ErrorBody error = refusal(value);
        assertThat(error.code()).isEqualTo("invalid_json");
        assertThat(error.message()).doesNotContain("SECRET").containsPattern("line 1, column \\d+");
        assertThat(error.param()).isEmpty();
    }

    @ParameterizedTest
    @DisplayName("A JSON document that is not an object is rejected with code invalid_type")
    @ValueSource(strings = {"null", "[]", "\"SECRET\"", "12", "true"})
    void notAnObject(String value) {
        assertThat(refusal(value).code()).isEqualTo("invalid_type");
    }

    @Test
    @DisplayName("Values that are not UTF-8 are rejected")
    void notUtf8() {
        assertThat(refusal("{\"prompt\": \"caf\u00e9\"}".getBytes(StandardCharsets.ISO_8859_1))
                        .code())
                .isEqualTo("invalid_utf8");
        assertThat(refusal(new byte[] {'"', (byte) 0xed, (byte) 0xa0, (byte) 0x80, '"'})
                        .code())
                .as("a surrogate encoded in three bytes")
                .isEqualTo("invalid_utf8");
        assertThat(refusal("{\"model\": \"m\"}".getBytes(StandardCharsets.UTF_16LE))
                        .code())
                .isEqualTo("invalid_json");
    }

    @Test
    @DisplayName("Deep nesting is rejected, even in an unknown field")
    void deepNesting() {
        assertThat(refusal("{\"x\": " + "[".repeat(400) + "]".repeat(400) + "}").message())
                .contains("deeper than 32");
    }

    @Test
    @DisplayName("A value above the size limit is rejected without parsing, and the error has both sizes")
    void tooLarge() {
        ErrorBody error = refusal("x".repeat(1001));
        assertThat(error.code()).isEqualTo("request_too_large");
        assertThat(error.message()).contains("1001", "1000");
    }

    private ErrorBody refusal(String value) {
        return refusal(value.getBytes(StandardCharsets.UTF_8));
    }

    private ErrorBody refusal(byte[] value) {
        Parsed<RequestMessage> parsed = RequestMessage.parse(value, 1000);
        assertThat(parsed).isInstanceOf(Parsed.Invalid.class);
        return ((Parsed.Invalid<RequestMessage>) parsed).error();
    }
}
