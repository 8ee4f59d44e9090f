package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Requests of 1.0 MB in a worker process with the heap of the image. */
class HeapBudgetIT {

    private static final int LONG_REQUESTS = 32;

    /** What fills a large request. */
    private enum Filling {
        EMPTY_OBJECTS(
                400,
                "out_of_range",
                "tools",
                () -> "\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"tools\": [{\"type\": \"function\","
                        + " \"function\": {\"name\": \"f\", \"parameters\": {\"x\": [" + "{},".repeat(249_999)
                        + "{}]}}}]"),
        IGNORED_TEXT(400, "", "", () -> "\"prompt\": \"x\", \"more\": \"" + "word ".repeat(200_000) + "\""),
        // the tokenizer takes seconds for each
        TEXT(
                6,
                "context_length_exceeded",
                "messages",
                () -> "\"messages\": [{\"role\": \"user\", \"content\": \"" + "word ".repeat(200_000) + "\"}]"),
        DIGITS(6, "context_length_exceeded", "prompt", () -> "\"prompt\": \"" + "1".repeat(1_000_000) + "\"");

        private final int requests;
        private final String code;
        private final String param;
        private final Supplier<String> fields;

        /** @param code of the errors; empty if the requests are generated */
        Filling(int requests, String code, String param, Supplier<String> fields) {
            this.requests = requests;
            this.code = code;
            this.param = param;
            this.fields = fields;
        }
    }

    @Test
    @DisplayName("Behind 32 long requests, hundreds of 1.0 MB end no worker, and all are answered")
    void largeRequests() throws Exception {
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
                WorkerGroup group = new WorkerGroup(broker.bootstrapServers());
                ServedProcess worker = group.serve(
                                "only", Map.of("JAVA_TOOL_OPTIONS", "-Xmx512m -XX:+ExitOnOutOfMemoryError"))
                        .awaitReady()) {
            group.send(0, LONG_REQUESTS, i -> "\"prompt\": \"x\", \"max_tokens\": 400, \"ignore_eos\": true");
            int sent = LONG_REQUESTS;
            for (Filling filling : Filling.values()) {
                String fields = filling.fields.get() + ", \"max_tokens\": 1";
                group.send(sent, sent + filling.requests, i -> fields);
                sent += filling.requests;
            }
            int all = sent;
            Awaitility.await("all answers")
                    .atMost(Duration.ofMinutes(5))
                    .until(() -> !worker.isAlive() || group.answered().size() >= all);
            assertThat(worker.isAlive()).as(worker.log()).isTrue();
            List<JsonNode> results = group.results();
            assertThat(results).hasSize(all);
            assertThat(errors(results)).isEqualTo(expectedErrors());
        }
    }

    /** The number of results by code and parameter of their error; those without an error have no code. */
    private static Map<List<String>, Long> expectedErrors() {
        return Stream.concat(
                        Stream.generate(() -> List.of("", "")).limit(LONG_REQUESTS),
                        Arrays.stream(Filling.values())
                                .flatMap(each -> Stream.generate(() -> List.of(each.code, each.param))
                                        .limit(each.requests)))
                .collect(Collectors.groupingBy(Function.identity(), Collectors.counting()));
    }

    private static Map<List<String>, Long> errors(List<JsonNode> results) {
        return results.stream()
                .map(result -> List.of(
                        result.at("/error/code").asText(),
                        result.at("/error/param").asText()))
                .collect(Collectors.groupingBy(Function.identity(), Collectors.counting()));
    }
}
