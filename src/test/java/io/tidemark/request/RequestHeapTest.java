package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.Completion;
import io.tidemark.generation.Completion.ScoredToken.LikelyToken;
import io.tidemark.generation.FinishReason;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.ErrorResult;
import io.tidemark.message.EventMessage;
import io.tidemark.message.Parsed;
import io.tidemark.message.Provenance;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.RequestEstimate;
import io.tidemark.message.RequestMessage;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("The estimate of a request's heap")
class RequestHeapTest {

    private static final int COPIES = 8;
    private static final int MEASUREMENTS = 3;
    /** What the measurement adds to each copy. */
    private static final int MEASUREMENT_BYTES = 16 * 1024;

    private static final Source SOURCE = new Source("requests", 0, 7);

    private static final ReplyTarget NOWHERE = new ReplyTarget() {
        @Override
        public Optional<ErrorBody> refusal() {
            return Optional.empty();
        }

        @Override
        public void send(EventMessage event) {}
    };

    static List<Arguments> worst() {
        return List.of(
                Arguments.of("empty objects", tools("{},".repeat(45_000) + "{}")),
                Arguments.of("empty lists", tools("[],".repeat(45_000) + "[]")),
                Arguments.of("lists of one", tools("[9],".repeat(30_000) + "[9]")),
                Arguments.of("objects of one", tools("{\"a\":9},".repeat(23_000) + "{}")),
                Arguments.of("numbers", tools("99999,".repeat(90_000) + "1")),
                Arguments.of("fractions", tools("1.5e9,".repeat(90_000) + "1")),
                Arguments.of("short texts", tools("\"ab\",".repeat(90_000) + "1")),
                Arguments.of("names", tools(names(30_000))),
                Arguments.of("objects in objects", tools("{\"a\":{\"a\":{}}},".repeat(12_000) + "{}")),
                Arguments.of("unknown fields", unknown()),
                Arguments.of("schemas", schema("{},".repeat(45_000) + "{}")),
                Arguments.of("schemas with short numbers", schema("\"\u0142\"," + "1e6,".repeat(90_000) + "1")),
                Arguments.of("schemas in a text", schemaText("\\\"\u0142\\\"," + "1e6,".repeat(90_000) + "1")),
                Arguments.of("choices", choices("\"a\",".repeat(20_000) + "\"b\"")),
                Arguments.of("different choices", choices(numbered(60_000))),
                Arguments.of("text", prompt("x".repeat(1_000_000))),
                Arguments.of("UTF-16", prompt("\u0142" + "x".repeat(1_000_000))));
    }

    /** As many names as a result has, each as long as it may be, of characters with two bytes. */
    private static String unknown() {
        return IntStream.range(10, 26)
                .mapToObj(i -> "\"" + "\u0142".repeat(62) + i + "\": 1")
                .collect(Collectors.joining(", ", "{\"model\": \"m\", \"prompt\": \"p\", ", "}"));
    }

    @ParameterizedTest(name = "Is at least what {0} use")
    @MethodSource("worst")
    void covers(String name, String json) {
        byte[] value = json.getBytes(StandardCharsets.UTF_8);
        parse(value);
        long each = bytesOf(() -> parse(value.clone())) + value.length;
        long estimate = value.length + RequestEstimate.of(value, 1 << 17).keptBytes();
        assertThat(each).as(name).isLessThanOrEqualTo(estimate + MEASUREMENT_BYTES);
    }

    @Test
    @DisplayName("Is at least what the tokens and the log-probabilities of an answer use")
    void answer() {
        long each = bytesOf(RequestHeapTest::completion);
        ErrorResult result = ErrorResult.of(
                "r", 0, Optional.empty(), ErrorBody.serverError("e", "e"), Provenance.rejected(SOURCE, "m", "w", 1));
        Answer answer = new Answer(
                RequestFixtures.received(SOURCE, Optional.empty(), 0, 0, 1, 0, NOWHERE),
                result,
                Optional.empty(),
                "stop",
                Optional.of(completion()),
                0);
        assertThat(each).isBetween(900_000L, answer.heapBytes() + MEASUREMENT_BYTES);
    }

    /** 1,000 tokens with 20 alternatives each. */
    private static Completion completion() {
        List<Integer> tokens = new ArrayList<>();
        List<Completion.ScoredToken> logprobs = new ArrayList<>();
        for (int token = 1_000; token < 2_000; token++) {
            List<LikelyToken> top = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                top.add(new LikelyToken(token + i, " " + (token + i), -i));
            }
            tokens.add(token);
            logprobs.add(new Completion.ScoredToken(token, " " + token, -1, top));
        }
        return new Completion(
                "r",
                List.of(new Completion.GeneratedChoice(
                        0, "word ".repeat(1_000), tokens, FinishReason.LENGTH, logprobs)),
                new Completion.CompletionUsage(4, 1_000, 0),
                new Completion.Timing(1, 1, 2));
    }

    private static RequestMessage parse(byte[] value) {
        Parsed<RequestMessage> parsed = RequestMessage.parse(value, 4 << 20);
        assertThat(parsed).isInstanceOf(Parsed.Valid.class);
        return ((Parsed.Valid<RequestMessage>) parsed).record();
    }

    /** The median of several measurements: threads of other tests may free or use memory during one of them. */
    private static long bytesOf(Supplier<Object> created) {
        long[] measured = new long[MEASUREMENTS];
        for (int i = 0; i < MEASUREMENTS; i++) {
            List<Object> kept = new ArrayList<>();
            long before = used();
            for (int copy = 0; copy < COPIES; copy++) {
                kept.add(created.get());
            }
            measured[i] = (used() - before) / COPIES;
            assertThat(kept).hasSize(COPIES);
        }
        Arrays.sort(measured);
        return measured[MEASUREMENTS / 2];
    }

    private static long used() {
        System.gc();
        Runtime runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory();
    }

    private static String prompt(String text) {
        return "{\"model\": \"m\", \"prompt\": \"" + text + "\"}";
    }

    private static String schema(String elements) {
        return structured("{\"json\": {\"enum\": [" + elements + "]}}");
    }

    private static String schemaText(String elements) {
        return structured("{\"json\": \"{\\\"enum\\\": [" + elements + "]}\"}");
    }

    private static String choices(String texts) {
        return structured("{\"choice\": [" + texts + "]}");
    }

    private static String structured(String format) {
        return "{\"model\": \"m\", \"prompt\": \"x\", \"structured_outputs\": " + format + "}";
    }

    private static String numbered(int count) {
        StringBuilder texts = new StringBuilder();
        for (int i = 0; i < count; i++) {
            texts.append(i == 0 ? "" : ",").append('"').append(i).append('"');
        }
        return texts.toString();
    }

    private static String tools(String elements) {
        return "{\"model\": \"m\", \"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"tools\": [{\"f\": ["
                + elements + "]}]}";
    }

    private static String names(int count) {
        StringBuilder object = new StringBuilder("{");
        for (int i = 0; i < count; i++) {
            object.append(i == 0 ? "" : ",").append("\"k").append(i).append("\":{}");
        }
        return object.append('}').toString();
    }
}
