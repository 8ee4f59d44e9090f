package io.tidemark.stream;

import static io.tidemark.stream.WorkerTopics.EVENTS;
import static io.tidemark.stream.WorkerTopics.REQUESTS;
import static io.tidemark.stream.WorkerTopics.RESULTS;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A worker with Kafka")
@QuarkusTest
@QuarkusTestResource(BrokerResource.class)
class WorkerTest {

    @Inject
    TopicClient client;

    @Test
    @DisplayName(
            "Answers a request with one result and its trace header, and the texts of its events are the text of the result")
    void happyPath() {
        ProducerRecord<byte[], byte[]> request =
                new ProducerRecord<>(REQUESTS, TopicClient.bytes("all"), TopicClient.bytes("""
                        {"id": "happy", "model": "all", "prompt": "the river", "max_tokens": 8, "temperature": 0,
                         "stream": true}"""));
        request.headers()
                .add("traceparent", TopicClient.bytes("00-1234567890abcdef1234567890abcdef-1234567890abcdef-01"));
        client.send(request);

        JsonNode result = client.await(RESULTS, "happy");
        assertThat(result.path("object").asText()).isEqualTo("text_completion");
        assertThat(result.path("model").asText()).isEqualTo("all");
        assertThat(result.path("choices")).hasSize(1);
        assertThat(result.path("choices").get(0).path("finish_reason").asText()).isIn("stop", "length");
        assertThat(result.path("usage").path("completion_tokens").asInt()).isBetween(1, 8);
        JsonNode tidemark = result.path("tidemark");
        assertThat(tidemark.path("adapter_digest").asText()).hasSize(64);
        assertThat(tidemark.path("boundary").asInt())
                .isEqualTo(tidemark.path("num_layers").asInt());
        assertThat(tidemark.path("worker").asText()).isEqualTo("test-worker");
        assertThat(tidemark.path("attempt").asInt()).isPositive();

        Awaitility.await()
                .until(() -> client.values(EVENTS, "happy").stream().anyMatch(event -> event.has("finish_reason")));
        List<JsonNode> events = client.values(EVENTS, "happy");
        assertThat(events)
                .extracting(event -> event.path("sequence").asInt())
                .containsExactlyElementsOf(
                        IntStream.range(0, events.size()).boxed().toList());
        assertThat(String.join(
                        "",
                        events.stream()
                                .map(event -> event.path("text").asText())
                                .toList()))
                .isEqualTo(result.path("choices").get(0).path("text").asText());
        ConsumerRecord<byte[], byte[]> record = client.records(RESULTS).stream()
                .filter(r -> TopicClient.text(r.key()).equals("happy"))
                .findFirst()
                .orElseThrow();
        assertThat(TopicClient.text(record.headers().lastHeader("traceparent").value()))
                .startsWith("00-12345678");
    }

    @Test
    @DisplayName("Answers a request without an id with an id from its position")
    void derivedId() {
        RecordMetadata place = client.send(REQUESTS, null, """
                {"model": "llama-gqa", "prompt": "no name", "max_tokens": 2}""");
        String id = REQUESTS + "-" + place.partition() + "-" + place.offset();
        JsonNode result = client.await(RESULTS, id);
        assertThat(result.path("id").asText()).isEqualTo(id);
        assertThat(result.path("tidemark").has("boundary")).isFalse();
    }

    @Test
    @DisplayName("Answers a request for a misspelled adapter with the ids of all adapters, and names its unknown field")
    void unknownAdapter() {
        client.send(
                REQUESTS, null, "{\"id\": \"misspelled\", \"model\": \"alll\", \"prompt\": \"x\", \"max_token\": 1}");
        JsonNode result = client.await(RESULTS, "misspelled");
        assertThat(result.at("/error/message").asText())
                .isEqualTo("no adapter 'alll'; the adapters are 'all', 'qv', 'some-layers'");
        assertThat(result.path("ignored_fields")).hasToString("[\"max_token\"]");
    }

    @Test
    @DisplayName("Commits the offset of an answered request")
    void commits() {
        RecordMetadata last = client.send(new ProducerRecord<>(
                REQUESTS,
                1,
                TopicClient.bytes("c"),
                TopicClient.bytes("{\"id\": \"committed\", \"model\": \"qv\", \"prompt\": \"x\", \"max_tokens\": 1}")));
        client.await(RESULTS, "committed");
        Awaitility.await()
                .atMost(Duration.ofSeconds(10))
                .until(() ->
                        client.committed("tidemark-workers", new TopicPartition(REQUESTS, 1)) == last.offset() + 1);
    }

    @Test
    @DisplayName("Applies the chat template to messages and answers with an assistant message for each of n choices")
    void messages() {
        client.send(REQUESTS, null, """
                {"id": "chat", "model": "qv", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 3,
                 "n": 2, "temperature": 1, "logprobs": 1}""");
        JsonNode result = client.await(RESULTS, "chat");
        assertThat(result.path("object").asText()).isEqualTo("chat.completion");
        assertThat(result.path("choices")).hasSize(2);
        assertThat(result.path("choices").get(1).path("message").path("role").asText())
                .isEqualTo("assistant");
        assertThat(result.path("choices").get(1).path("logprobs").path("content"))
                .isNotEmpty();
    }

    @Test
    @DisplayName("Ends a running request after a cancellation, with the text generated so far")
    void cancelled() {
        client.send(REQUESTS, null, WorkerTopics.longRequest("to-cancel", "all"));
        Awaitility.await().until(() -> !client.values(EVENTS, "to-cancel").isEmpty());
        client.send("generation-cancellations", "to-cancel", "{\"id\": \"to-cancel\", \"reason\": \"test\"}");
        JsonNode choice = client.await(RESULTS, "to-cancel").path("choices").get(0);
        assertThat(choice.path("finish_reason").asText()).isEqualTo("cancelled");
        assertThat(choice.path("text").asText()).isNotEmpty();
    }
}
