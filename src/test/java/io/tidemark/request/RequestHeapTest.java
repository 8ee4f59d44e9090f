package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.message.Parsed;
import io.tidemark.message.RequestEstimate;
import io.tidemark.message.RequestMessage;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("The estimate of a request's heap")
class RequestHeapTest {

    private static final int COPIES = 16;
    /** What the measurement adds to each copy. */
    private static final int MEASUREMENT_BYTES = 16 * 1024;

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
                Arguments.of("text", prompt("x".repeat(1_000_000))),
                Arguments.of("UTF-16", prompt("\u0142" + "x".repeat(1_000_000))));
    }

    @ParameterizedTest(name = "Is at least what {0} use")
    @MethodSource("worst")
    void covers(String name, String json) {
        byte[] value = json.getBytes(StandardCharsets.UTF_8);
        List<Object> kept = new ArrayList<>();
        parse(value);
        long before = used();
        for (int i = 0; i < COPIES; i++) {
            kept.add(parse(value.clone()));
        }
        long each = (used() - before) / COPIES + value.length;
        assertThat(kept).hasSize(COPIES);
        long estimate = value.length + RequestEstimate.of(value, 1 << 17).keptBytes();
        assertThat(each).as(name).isLessThanOrEqualTo(estimate + MEASUREMENT_BYTES);
    }

    private static RequestMessage parse(byte[] value) {
        Parsed<RequestMessage> parsed = RequestMessage.parse(value, 4 << 20);
        assertThat(parsed).isInstanceOf(Parsed.Valid.class);
        return ((Parsed.Valid<RequestMessage>) parsed).record();
    }

    private static long used() {
        System.gc();
        Runtime runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory();
    }

    private static String prompt(String text) {
        return "{\"model\": \"m\", \"prompt\": \"" + text + "\"}";
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
