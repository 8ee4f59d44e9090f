package io.tidemark.stream;

import static io.tidemark.stream.WorkerTopics.DEAD_LETTERS;
import static io.tidemark.stream.WorkerTopics.REQUESTS;
import static io.tidemark.stream.WorkerTopics.RESULTS;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("An invalid request")
@QuarkusTest
@QuarkusTestResource(BrokerResource.class)
class BadRequestsTest {

    @Inject
    TopicClient client;

    static Stream<Arguments> badInput() {
        String longPrompt = "word ".repeat(4000);
        return Stream.of(
                Arguments.of("null value", null, "empty_value", ""),
                Arguments.of("empty value", "", "empty_value", ""),
                Arguments.of("not JSON", "{oops", "invalid_json", ""),
                Arguments.of("no model", "{\"prompt\": \"x\"}", "missing_field", "model"),
                Arguments.of("mistyped field", "{\"model\": \"all\", \"prompt\": 7}", "invalid_type", "prompt"),
                Arguments.of(
                        "prompt and messages",
                        "{\"model\": \"all\", \"prompt\": \"x\", \"messages\": "
                                + "[{\"role\": \"user\", \"content\": \"x\"}]}",
                        "conflicting_fields",
                        "messages"),
                Arguments.of("neither", "{\"model\": \"all\"}", "missing_field", "prompt"),
                Arguments.of("unknown model", "{\"model\": \"al\", \"prompt\": \"x\"}", "unknown_adapter", "model"),
                Arguments.of(
                        "boundary too high",
                        "{\"model\": \"all\", \"prompt\": \"x\", \"boundary\": 99}",
                        "out_of_range",
                        "boundary"),
                Arguments.of(
                        "boundary negative",
                        "{\"model\": \"all\", \"prompt\": \"x\", \"boundary\": -1}",
                        "out_of_range",
                        "boundary"),
                Arguments.of(
                        "long prompt",
                        "{\"model\": \"all\", \"prompt\": \"" + longPrompt + "\"}",
                        "context_length_exceeded",
                        "prompt"),
                Arguments.of(
                        "no tokens",
                        "{\"model\": \"all\", \"prompt\": \"x\", \"max_tokens\": 0}",
                        "out_of_range",
                        "max_tokens"),
                Arguments.of(
                        "negative tokens",
                        "{\"model\": \"all\", \"prompt\": \"x\", \"max_tokens\": -5}",
                        "out_of_range",
                        "max_tokens"),
                Arguments.of(
                        "1e99 tokens",
                        "{\"model\": \"all\", \"prompt\": \"x\", \"max_tokens\": 1e99}",
                        null,
                        "max_tokens"),
                Arguments.of("two megabytes", "x".repeat(2 * 1024 * 1024), "request_too_large", ""));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("badInput")
    @DisplayName("Is answered with an error result, which repeats the header of the client, and a dead letter; the next"
            + " request of the partition is answered")
    void badInputDoesNotStopThePartition(String name, String value, String code, String param) {
        answersWithError(name, value == null ? null : TopicClient.bytes(value), code, param);
    }

    @Test
    @DisplayName("That is not UTF-8 is answered with an error result and a dead letter with the original bytes")
    void notUtf8() {
        byte[] value = "{\"model\": \"all\", \"prompt\": \"\u00e9\"}".getBytes(StandardCharsets.ISO_8859_1);
        ConsumerRecord<byte[], byte[]> letter = answersWithError("not UTF-8", value, "invalid_utf8", "");
        assertThat(letter.value()).isEqualTo(value);
    }

    @Test
    @DisplayName("With a key of 2 MB is answered and committed")
    void hugeKey() {
        RecordMetadata bad = client.send(new ProducerRecord<>(REQUESTS, 2, new byte[2 * 1024 * 1024], new byte[1]));
        JsonNode result = client.await(RESULTS, REQUESTS + "-2-" + bad.offset());
        assertThat(result.path("error").path("code").asText()).isEqualTo("invalid_json");
        Awaitility.await().until(() -> !letters(bad).isEmpty());
        assertThat(letters(bad).get(0).key()).isNull();
        Awaitility.await()
                .atMost(Duration.ofSeconds(10))
                .until(() -> client.committed("tidemark-workers", new TopicPartition(REQUESTS, 2)) == bad.offset() + 1);
    }

    private ConsumerRecord<byte[], byte[]> answersWithError(String key, byte[] value, String code, String param) {
        Header correlation = new RecordHeader("tidemark-correlation", TopicClient.bytes(key));
        RecordMetadata bad =
                client.send(new ProducerRecord<>(REQUESTS, 0, TopicClient.bytes(key), value, List.of(correlation)));
        String id = REQUESTS + "-0-" + bad.offset();
        String next = "after " + key;
        client.send(new ProducerRecord<>(
                REQUESTS,
                0,
                TopicClient.bytes(key),
                TopicClient.bytes(
                        "{\"id\": \"" + next + "\", \"model\": \"qv\", \"prompt\": \"x\", \"max_tokens\": 1}")));

        JsonNode error = client.await(RESULTS, id).path("error");
        assertThat(client.records(RESULTS))
                .filteredOn(record -> TopicClient.text(record.key()).equals(id))
                .allSatisfy(record -> assertThat(record.headers()).containsExactly(correlation));
        assertThat(error.path("type").asText()).isEqualTo("invalid_request_error");
        if (code != null) {
            assertThat(error.path("code").asText()).isEqualTo(code);
        }
        assertThat(error.path("param").asText()).isEqualTo(param);
        assertThat(client.await(RESULTS, next).path("choices")).hasSize(1);
        Awaitility.await().until(() -> !letters(bad).isEmpty());
        ConsumerRecord<byte[], byte[]> letter = letters(bad).get(0);
        assertThat(TopicClient.text(letter.key())).isEqualTo(key);
        assertThat(TopicClient.text(
                        letter.headers().lastHeader("tidemark.error.code").value()))
                .isEqualTo(error.path("code").asText());
        if (value != null) {
            assertThat(letter.value()).isEqualTo(Arrays.copyOf(value, Math.min(value.length, 64 * 1024)));
        }
        return letter;
    }

    private List<ConsumerRecord<byte[], byte[]>> letters(RecordMetadata of) {
        return client.records(DEAD_LETTERS).stream()
                .filter(letter -> TopicClient.text(letter.headers()
                                .lastHeader("tidemark.source.offset")
                                .value())
                        .equals(Long.toString(of.offset())))
                .filter(letter -> TopicClient.text(letter.headers()
                                .lastHeader("tidemark.source.partition")
                                .value())
                        .equals(Integer.toString(of.partition())))
                .toList();
    }
}
