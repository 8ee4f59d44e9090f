package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The estimate of what a request may need")
class RequestEstimateTest {

    private static final int CONTEXT = 1 << 17;
    /** Of the texts of a request, its tokens, and its answer in the estimates of small requests. */
    private static final long SMALL = 8 * 1024;

    @ParameterizedTest
    @DisplayName("Has all tokens of a valid request, however it is written")
    @ValueSource(
            strings = {
                "\"max_tokens\":100000.0",
                "\"max_tokens\":1e5",
                "\"foo\":NaN,\"max_tokens\":100000",
                "\"foo\":[Infinity,{\"n\":1}],\"max_completion_tokens\":100000",
                "\"max_tokens\":null,\"max_completion_tokens\":100000",
                "\"m\\u0061x_tokens\":100000"
            })
    void writtenOtherwise(String fields) {
        assertComplete("{\"model\":\"m\",\"prompt\":\"x\",\"n\":16.0," + fields + "}");
    }

    private static void assertComplete(String json) {
        assertThat(RequestMessage.parse(json.getBytes(StandardCharsets.UTF_8), 1 << 20))
                .isInstanceOf(Parsed.Valid.class);
        assertThat(estimate(json).tokens()).isGreaterThanOrEqualTo(1_600_000);
        assertThat(estimate(json).answerBytes()).isGreaterThanOrEqualTo(1_600_000 * 32L);
    }

    @Test
    @DisplayName("Has no bytes for a field that requests do not have, in any alphabet")
    void ignoredField() {
        for (String text : List.of("x", "\u0142", "\u4e16", "\ud83d\ude00", "{},")) {
            String more = "[\"" + text.repeat(30_000).replace("{},", "\",{},\"") + "\"]";
            RequestEstimate estimate =
                    estimate("{\"model\":\"m\",\"more\":" + more + ",\"prompt\":\"x\",\"max_tokens\":1}");
            assertThat(estimate.openBytes()).as(text).isLessThan(SMALL);
        }
    }

    @Test
    @DisplayName("Has the bytes of a prompt in UTF-16, and of a token for each of its bytes, at most the context")
    void prompt() {
        RequestEstimate small = estimate("{\"prompt\":\"" + "\u4e16".repeat(10_000) + "\",\"max_tokens\":1}");
        assertThat(small.keptBytes()).isBetween(20_000L, 20_000 + SMALL);
        assertThat(small.promptBytes()).isBetween(24 * 30_000L, 24 * 30_100L);
        assertThat(small.openBytes(10)).isBetween(20_000L, 20_000 + SMALL);
        RequestEstimate large = estimate("{\"prompt\":\"" + "x".repeat(1_000_000) + "\",\"max_tokens\":1}");
        assertThat(large.promptBytes()).isEqualTo(24L * CONTEXT);
    }

    @Test
    @DisplayName("Has the bytes of stop strings in UTF-16, and of the tables with which they are searched")
    void stopStrings() {
        String stops = ("\"" + "x".repeat(1_000) + "\",").repeat(15) + "\"\u4e16\"";
        assertThat(estimate("{\"stop\":[" + stops + "],\"max_tokens\":1}").keptBytes())
                .isBetween(6 * 15_000L, 6 * 15_000 + SMALL);
    }

    @Test
    @DisplayName("Has the bytes of a format in either field")
    void formats() {
        String schema = "{\"description\":\"" + "x".repeat(10_000) + "\"}";
        assertThat(estimate("{\"structured_outputs\":{\"json\":" + schema + "},\"max_tokens\":1}")
                        .keptBytes())
                .isBetween(20_000L, 20_000 + SMALL);
        assertThat(estimate("{\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":" + schema
                                + "}},\"max_tokens\":1}")
                        .keptBytes())
                .isBetween(20_000L, 20_000 + SMALL);
    }

    @Test
    @DisplayName("Has the bytes of the log-probabilities, as both interfaces ask for them")
    void logprobs() {
        long without = estimate("{\"max_tokens\":100,\"top_logprobs\":20}").answerBytes();
        assertThat(without).isEqualTo(3200);
        assertThat(estimate("{\"max_tokens\":100,\"logprobs\":20}").answerBytes())
                .isEqualTo(without + 2100 * 120);
        assertThat(estimate("{\"top_logprobs\":20,\"logprobs\":true,\"max_tokens\":100}")
                        .answerBytes())
                .isEqualTo(without + 2100 * 120);
        assertThat(estimate("{\"logprobs\":false,\"max_tokens\":100}").answerBytes())
                .isEqualTo(without);
    }

    @Test
    @DisplayName("Has tokens for a quarter of the bytes, and for the choices times their new tokens")
    void fields() {
        assertThat(tokens("{\"prompt\":\"%s\",\"max_tokens\":50,\"n\":3}", "x".repeat(4000)))
                .isBetween(1150L, 1170L);
        assertThat(tokens("{\"prompt\":\"%s\",\"max_completion_tokens\":50}", "x"))
                .isBetween(50L, 70L);
        assertThat(tokens("{\"prompt\":\"%s\"}", "x")).isBetween(256L, 265L);
    }

    @Test
    @DisplayName("Reads the top level only")
    void nested() {
        assertThat(tokens("{\"messages\":[{\"max_tokens\":1,\"n\":9}],\"x\":\"%s\",\"max_tokens\":700}", "\\\"n\\\":8"))
                .isBetween(700L, 730L);
    }

    @ParameterizedTest
    @DisplayName("Is that of a default request for text that is no request")
    @ValueSource(strings = {"", "null", "[1]", "{\"max_tokens\":\"9\"}", "{\"n\":{}", "{{", "\u0000"})
    void invalid(String text) {
        assertThat(estimate(text).tokens()).isBetween(256L, 262L);
    }

    @Test
    @DisplayName("Is bounded for numbers out of range")
    void outOfRange() {
        assertThat(tokens("{\"max_tokens\":%s,\"n\":1000000000}", "9".repeat(30)))
                .isBetween(16L * CONTEXT, 16L * CONTEXT + 20);
        assertThat(tokens("{\"max_tokens\":%s,\"n\":-1}", "-5")).isBetween(1L, 20L);
        assertThat(tokens("{\"max_tokens\":%s}", "[".repeat(5000))).isBetween(256L, 2000L);
    }

    private static long tokens(String json, String argument) {
        return estimate(json.formatted(argument)).tokens();
    }

    private static RequestEstimate estimate(String json) {
        return RequestEstimate.of(json.getBytes(StandardCharsets.UTF_8), CONTEXT);
    }
}
