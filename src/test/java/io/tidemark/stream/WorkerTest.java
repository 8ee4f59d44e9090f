package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.tidemark.stream.serving.Phase;
import io.tidemark.stream.serving.Serving;
import jakarta.inject.Inject;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.awaitility.Awaitility;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@QuarkusTest
@QuarkusTestResource(BrokerResource.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WorkerTest {

    private static final String REQUESTS = "generation-requests";
    private static final String RESULTS = "generation-results";
    private static final String EVENTS = "generation-events";
    private static final String DEAD_LETTERS = "generation-dead-letters";

    @ConfigProperty(name = "kafka.bootstrap.servers")
    String broker;

    @TestHTTPResource
    URI url;

    @Inject
    Serving serving;

    private Outside outside;

    @BeforeAll
    void connect() {
        Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> serving.phase() == Phase.READY);
        outside = new Outside(broker, RESULTS, EVENTS, DEAD_LETTERS);
    }

    @AfterAll
    void disconnect() throws InterruptedException {
        outside.close();
    }

    @Test
    @DisplayName("a request comes back as one result, its events add up to the result's text, and its trace goes along")
    void happyPath() {
        ProducerRecord<byte[], byte[]> request = new ProducerRecord<>(REQUESTS, Outside.bytes("all"),
                Outside.bytes("""
                        {"id": "happy", "model": "all", "prompt": "the river", "max_tokens": 8, "temperature": 0,
                         "stream": true}"""));
        request.headers().add("traceparent", Outside.bytes("00-1234567890abcdef1234567890abcdef-1234567890abcdef-01"));
        outside.send(request);

        JsonNode result = outside.await(RESULTS, "happy");
        assertThat(result.path("object").asText()).isEqualTo("text_completion");
        assertThat(result.path("model").asText()).isEqualTo("all");
        assertThat(result.path("choices")).hasSize(1);
        assertThat(result.path("choices").get(0).path("finish_reason").asText()).isIn("stop", "length");
        assertThat(result.path("usage").path("completion_tokens").asInt()).isBetween(1, 8);
        JsonNode tidemark = result.path("tidemark");
        assertThat(tidemark.path("adapter_digest").asText()).hasSize(64);
        assertThat(tidemark.path("boundary").asInt()).isEqualTo(tidemark.path("num_layers").asInt());
        assertThat(tidemark.path("worker").asText()).isEqualTo("test-worker");
        assertThat(tidemark.path("attempt").asInt()).isPositive();

        Awaitility.await().until(() -> outside.values(EVENTS, "happy").stream()
                .anyMatch(event -> event.has("finish_reason")));
        List<JsonNode> events = outside.values(EVENTS, "happy");
        assertThat(events).extracting(event -> event.path("sequence").asInt())
                .containsExactlyElementsOf(IntStream.range(0, events.size()).boxed().toList());
        assertThat(String.join("", events.stream().map(event -> event.path("text").asText()).toList()))
                .isEqualTo(result.path("choices").get(0).path("text").asText());
        ConsumerRecord<byte[], byte[]> record = outside.heard(RESULTS).stream()
                .filter(r -> Outside.text(r.key()).equals("happy")).findFirst().orElseThrow();
        assertThat(Outside.text(record.headers().lastHeader("traceparent").value())).startsWith("00-12345678");
    }

    @Test
    @DisplayName("a request without an id is answered under the place where it lies")
    void derivedId() {
        RecordMetadata place = outside.send(REQUESTS, null, """
                {"model": "llama-gqa", "prompt": "no name", "max_tokens": 2}""");
        String id = REQUESTS + "-" + place.partition() + "-" + place.offset();
        JsonNode result = outside.await(RESULTS, id);
        assertThat(result.path("id").asText()).isEqualTo(id);
        assertThat(result.path("tidemark").has("boundary")).isFalse();
    }

    static Stream<Arguments> badInput() {
        String longPrompt = "word ".repeat(4000);
        return Stream.of(
                Arguments.of("null value", null, "empty_value", ""),
                Arguments.of("empty value", "", "empty_value", ""),
                Arguments.of("not JSON", "{oops", "invalid_json", ""),
                Arguments.of("no model", "{\"prompt\": \"x\"}", "missing_field", "model"),
                Arguments.of("mistyped field", "{\"model\": \"all\", \"prompt\": 7}", "invalid_type", "prompt"),
                Arguments.of("prompt and messages", "{\"model\": \"all\", \"prompt\": \"x\", \"messages\": "
                        + "[{\"role\": \"user\", \"content\": \"x\"}]}", "conflicting_fields", "messages"),
                Arguments.of("neither", "{\"model\": \"all\"}", "missing_field", "prompt"),
                Arguments.of("unknown model", "{\"model\": \"al\", \"prompt\": \"x\"}", "unknown_adapter", "model"),
                Arguments.of("boundary too high", "{\"model\": \"all\", \"prompt\": \"x\", \"boundary\": 99}",
                        "out_of_range", "boundary"),
                Arguments.of("boundary negative", "{\"model\": \"all\", \"prompt\": \"x\", \"boundary\": -1}",
                        "out_of_range", "boundary"),
                Arguments.of("long prompt", "{\"model\": \"all\", \"prompt\": \"" + longPrompt + "\"}",
                        "context_length_exceeded", "prompt"),
                Arguments.of("no tokens", "{\"model\": \"all\", \"prompt\": \"x\", \"max_tokens\": 0}",
                        "out_of_range", "max_tokens"),
                Arguments.of("negative tokens", "{\"model\": \"all\", \"prompt\": \"x\", \"max_tokens\": -5}",
                        "out_of_range", "max_tokens"),
                Arguments.of("1e99 tokens", "{\"model\": \"all\", \"prompt\": \"x\", \"max_tokens\": 1e99}",
                        null, "max_tokens"),
                Arguments.of("two megabytes", "x".repeat(2 * 1024 * 1024), "request_too_large", ""));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("badInput")
    @DisplayName("bad input gets an error result and a dead letter, and the request behind it is served")
    void badInputDoesNotStopThePartition(String name, String value, String code, String param) {
        answersWithError(name, value == null ? null : Outside.bytes(value), code, param);
    }

    @Test
    @DisplayName("bytes that are no UTF-8 get an error result and a dead letter with the original bytes")
    void notUtf8() {
        byte[] value = "{\"model\": \"all\", \"prompt\": \"\u00e9\"}".getBytes(StandardCharsets.ISO_8859_1);
        ConsumerRecord<byte[], byte[]> letter = answersWithError("not UTF-8", value, "invalid_utf8", "");
        assertThat(letter.value()).isEqualTo(value);
    }

    @Test
    @DisplayName("a bad request with a key of megabytes is answered and committed like any other")
    void hugeKey() {
        RecordMetadata bad = outside.send(new ProducerRecord<>(REQUESTS, 2, new byte[2 * 1024 * 1024], new byte[1]));
        JsonNode result = outside.await(RESULTS, REQUESTS + "-2-" + bad.offset());
        assertThat(result.path("error").path("code").asText()).isEqualTo("invalid_json");
        Awaitility.await().until(() -> !letters(bad).isEmpty());
        assertThat(letters(bad).get(0).key()).isNull();
        Awaitility.await().atMost(Duration.ofSeconds(10)).until(() -> outside.committed("tidemark-workers",
                new TopicPartition(REQUESTS, 2)) == bad.offset() + 1);
    }

    private ConsumerRecord<byte[], byte[]> answersWithError(String key, byte[] value, String code, String param) {
        RecordMetadata bad = outside.send(new ProducerRecord<>(REQUESTS, 0, Outside.bytes(key), value));
        String next = "after " + key;
        outside.send(new ProducerRecord<>(REQUESTS, 0, Outside.bytes(key), Outside.bytes(
                "{\"id\": \"" + next + "\", \"model\": \"qv\", \"prompt\": \"x\", \"max_tokens\": 1}")));

        JsonNode error = outside.await(RESULTS, REQUESTS + "-0-" + bad.offset()).path("error");
        assertThat(error.path("type").asText()).isEqualTo("invalid_request");
        if (code != null) {
            assertThat(error.path("code").asText()).isEqualTo(code);
        }
        assertThat(error.path("param").asText()).isEqualTo(param);
        assertThat(outside.await(RESULTS, next).path("choices")).hasSize(1);
        Awaitility.await().until(() -> !letters(bad).isEmpty());
        ConsumerRecord<byte[], byte[]> letter = letters(bad).get(0);
        assertThat(Outside.text(letter.key())).isEqualTo(key);
        assertThat(Outside.text(letter.headers().lastHeader("tidemark.error.code").value()))
                .isEqualTo(error.path("code").asText());
        if (value != null) {
            assertThat(letter.value()).isEqualTo(Arrays.copyOf(value, Math.min(value.length, 64 * 1024)));
        }
        return letter;
    }

    private List<ConsumerRecord<byte[], byte[]>> letters(RecordMetadata of) {
        return outside.heard(DEAD_LETTERS).stream()
                .filter(letter -> Outside.text(letter.headers().lastHeader("tidemark.source.offset").value())
                        .equals(Long.toString(of.offset())))
                .filter(letter -> Outside.text(letter.headers().lastHeader("tidemark.source.partition").value())
                        .equals(Integer.toString(of.partition())))
                .toList();
    }

    @Test
    @DisplayName("a misspelled adapter is answered with the name that was probably meant")
    void didYouMean() {
        outside.send(REQUESTS, null, "{\"id\": \"misspelled\", \"model\": \"alll\", \"prompt\": \"x\"}");
        assertThat(outside.await(RESULTS, "misspelled").path("error").path("message").asText())
                .isEqualTo("no adapter 'alll'; did you mean 'all'?");
    }

    @Test
    @DisplayName("everything that was answered is committed soon after")
    void commits() {
        RecordMetadata last = outside.send(new ProducerRecord<>(REQUESTS, 1, Outside.bytes("c"), Outside.bytes(
                "{\"id\": \"committed\", \"model\": \"qv\", \"prompt\": \"x\", \"max_tokens\": 1}")));
        outside.await(RESULTS, "committed");
        Awaitility.await().atMost(Duration.ofSeconds(10)).until(() -> outside.committed("tidemark-workers",
                new TopicPartition(REQUESTS, 1)) == last.offset() + 1);
    }

    @Test
    @DisplayName("messages go through the chat template and come back as an assistant's message, one for each of n")
    void messages() {
        outside.send(REQUESTS, null, """
                {"id": "chat", "model": "qv", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 3,
                 "n": 2, "temperature": 1, "logprobs": 1}""");
        JsonNode result = outside.await(RESULTS, "chat");
        assertThat(result.path("object").asText()).isEqualTo("chat.completion");
        assertThat(result.path("choices")).hasSize(2);
        assertThat(result.path("choices").get(1).path("message").path("role").asText()).isEqualTo("assistant");
        assertThat(result.path("choices").get(1).path("logprobs").path("content")).isNotEmpty();
    }

    @Test
    @DisplayName("a cancellation ends a running request, and its result holds the text so far")
    void cancelled() {
        outside.send(REQUESTS, null, longRequest("to-cancel", "all"));
        Awaitility.await().until(() -> !outside.values(EVENTS, "to-cancel").isEmpty());
        outside.send("generation-cancellations", "to-cancel", "{\"id\": \"to-cancel\", \"reason\": \"test\"}");
        JsonNode choice = outside.await(RESULTS, "to-cancel").path("choices").get(0);
        assertThat(choice.path("finish_reason").asText()).isEqualTo("cancelled");
        assertThat(choice.path("text").asText()).isNotEmpty();
    }

    @Test
    @DisplayName("probes say ready, and metrics count answers by adapter and outcome without a client's misspellings")
    void operations() throws Exception {
        outside.send(REQUESTS, null, "{\"id\": \"counted\", \"model\": \"secret-name\", \"prompt\": \"x\"}");
        outside.await(RESULTS, "counted");
        assertThat(get("/q/health/ready")).contains("tidemark-ready").contains("READY");
        assertThat(get("/q/health/live")).contains("tidemark-live");
        assertThat(get("/q/health/started")).contains("tidemark-started");
        Awaitility.await().until(() -> get("/q/metrics").contains("outcome=\"unknown_adapter\""));
        assertThat(get("/q/metrics")).contains("tidemark_boundary{adapter=\"all\"}", "tidemark_running_rows",
                "tidemark_queue_depth", "adapter=\"unknown\"").doesNotContain("secret-name");
    }

    private String get(String path) throws Exception {
        return HttpClient.newHttpClient().send(HttpRequest.newBuilder(URI.create(url + path)).build(),
                HttpResponse.BodyHandlers.ofString()).body();
    }

    static String longRequest(String id, String model) {
        return "{\"id\": \"" + id + "\", \"model\": \"" + model
                + "\", \"prompt\": \"x\", \"max_tokens\": 490, \"temperature\": 1, \"stream\": true}";
    }
}
