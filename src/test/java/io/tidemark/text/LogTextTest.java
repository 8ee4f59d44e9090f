package io.tidemark.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class LogTextTest {

    static Stream<Arguments> texts() {
        return Stream.of(
                Arguments.of("req-1_é.日本/😀 x", "req-1_é.日本/😀 x"),
                Arguments.of("a\nERROR b\r\t", "a\\nERROR b\\r\\t"),
                Arguments.of("\u001b[2J\u0000\u007f\u0085", "\\u001b[2J\\u0000\\u007f\\u0085"),
                Arguments.of("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
                Arguments.of("\u202eevil\u200b", "\\u202eevil\\u200b"),
                Arguments.of("x\ud800y", "x\\ud800y"),
                Arguments.of("\udb40\udc41", "\\udb40\\udc41"),
                Arguments.of("a\\nb", "a\\\\nb"));
    }

    @ParameterizedTest
    @MethodSource("texts")
    @DisplayName("A client's text is one visible line in the log, and different texts stay different")
    void escaped(String value, String logged) {
        assertThat(LogText.of(value)).isEqualTo(logged);
    }

    @Test
    @DisplayName("A long text is cut, also one that grows by the escapes, and an id of 256 characters is kept")
    void bounded() {
        assertThat(LogText.of("x".repeat(256))).isEqualTo("x".repeat(256));
        assertThat(LogText.of("x".repeat(100_000))).isEqualTo("x".repeat(256) + "…");
        assertThat(LogText.of("\n".repeat(1000))).isEqualTo("\\n".repeat(128) + "…");
        assertThat(LogText.of("x".repeat(255) + "😀")).isEqualTo("x".repeat(255) + "…");
    }

    @Test
    @DisplayName("Null is logged as null")
    void nothing() {
        assertThat(LogText.of(null)).isEqualTo("null");
    }
}
