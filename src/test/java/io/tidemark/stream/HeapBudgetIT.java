package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.awaitility.Awaitility;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

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
                12,
                "context_length_exceeded",
                "messages",
                () -> "\"messages\": [{\"role\": \"user\", \"content\": \"" + "word ".repeat(200_000) + "\"}]"),
        DIGITS(12, "context_length_exceeded", "prompt", () -> "\"prompt\": \"" + "1".repeat(1_000_000) + "\"");

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

    @ParameterizedTest(name = "Behind 32 long requests, hundreds of 1.0 MB of {0} end no worker, and all are answered")
    @EnumSource(Filling.class)
    void largeRequests(Filling filling) throws Exception {
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
                WorkerGroup group = new WorkerGroup(broker.bootstrapServers());
                ServedProcess worker = group.serve(
                                "only", Map.of("JAVA_TOOL_OPTIONS", "-Xmx512m -XX:+ExitOnOutOfMemoryError"))
                        .awaitReady()) {
            group.send(0, LONG_REQUESTS, i -> "\"prompt\": \"x\", \"max_tokens\": 400, \"ignore_eos\": true");
            int all = LONG_REQUESTS + filling.requests;
            String fields = filling.fields.get() + ", \"max_tokens\": 1";
            group.send(LONG_REQUESTS, all, i -> fields);
            Awaitility.await("all answers")
                    .atMost(Duration.ofMinutes(5))
                    .until(() -> !worker.isAlive() || group.answered().size() >= all);
            assertThat(worker.isAlive()).as(worker.log()).isTrue();
            List<JsonNode> results = group.results();
            assertThat(results).hasSize(all);
            assertThat(errors(results, "code"))
                    .isEqualTo(Collections.nCopies(filling.code.isEmpty() ? 0 : filling.requests, filling.code));
            assertThat(errors(results, "param")).allMatch(filling.param::equals);
        }
    }

    private static List<String> errors(List<JsonNode> results, String field) {
        return results.stream()
                .filter(result -> result.has("error"))
                .map(result -> result.path("error").path(field).asText())
                .toList();
    }
}
