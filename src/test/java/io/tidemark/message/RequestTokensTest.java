package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The tokens that a request may need")
class RequestTokensTest {

    @Test
    @DisplayName("Are a quarter of its bytes, and its choices times its new tokens")
    void fields() {
        assertThat(tokens("{\"prompt\":\"%s\",\"max_tokens\":50,\"n\":3}", "x".repeat(4000)))
                .isBetween(1150L, 1170L);
        assertThat(tokens("{\"prompt\":\"%s\",\"max_completion_tokens\":50}", "x"))
                .isBetween(50L, 70L);
        assertThat(tokens("{\"prompt\":\"%s\"}", "x")).isBetween(256L, 265L);
    }

    @Test
    @DisplayName("Are read from the top level only")
    void nested() {
        assertThat(tokens("{\"messages\":[{\"max_tokens\":1,\"n\":9}],\"x\":\"%s\",\"max_tokens\":700}", "\\\"n\\\":8"))
                .isBetween(700L, 730L);
    }

    @ParameterizedTest
    @DisplayName("Are those of a default request for text that is no request")
    @ValueSource(strings = {"", "null", "[1]", "{\"max_tokens\":\"9\"}", "{\"n\":{}", "{{", "\u0000"})
    void invalid(String text) {
        assertThat(RequestTokens.atMost(text.getBytes(StandardCharsets.UTF_8))).isBetween(256L, 262L);
    }

    @Test
    @DisplayName("Are bounded for numbers out of range")
    void outOfRange() {
        assertThat(tokens("{\"max_tokens\":%s,\"n\":1000000000}", "9".repeat(30)))
                .isBetween(1L, 17L << 30);
        assertThat(tokens("{\"max_tokens\":%s,\"n\":-1}", "-5")).isBetween(1L, 20L);
        assertThat(tokens("{\"max_tokens\":%s}", "[".repeat(5000))).isBetween(256L, 2000L);
    }

    private static long tokens(String json, String argument) {
        return RequestTokens.atMost(json.formatted(argument).getBytes(StandardCharsets.UTF_8));
    }
}
