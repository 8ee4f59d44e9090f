package io.tidemark.stream.worker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.message.ErrorBody;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.topics.ReplyTopics;
import io.tidemark.stream.topics.TopicLayout;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A request that names a reply topic")
class ReplyTopicTest {

    private static final TopicLayout TOPICS =
            TopicLayout.of(TestSettings.with(Map.of()).topics());

    private final IncomingRequest request = RequestLifecycleFixture.incoming(
            7, 0, "{\"id\": \"r\", \"model\": \"warm\", \"prompt\": \"x\", \"max_tokens\": 4}");

    @Test
    @DisplayName("Is answered there in place of the topic of results, with its correlation id and in one transaction")
    void directed() {
        request("kafka_replyTopic", "my-replies".getBytes(UTF_8));
        request("kafka_replyPartition", new byte[] {0, 0, 0, 1});
        request("kafka_correlationId", new byte[] {1, 2});
        MockProducer<byte[], byte[]> producer = write();
        ProducerRecord<byte[], byte[]> result = producer.history().get(0);
        assertThat(result.topic()).isEqualTo("my-replies");
        assertThat(result.partition()).isEqualTo(1);
        assertThat(result.key()).isEqualTo("r".getBytes(UTF_8));
        assertThat(result.headers().lastHeader("kafka_correlationId").value()).containsExactly(1, 2);
        assertThat(result.headers().lastHeader("kafka_replyTopic")).isNull();
        assertThat(producer.history())
                .extracting(ProducerRecord::topic)
                .containsExactly("my-replies", TOPICS.deadLetters());
    }

    @Test
    @DisplayName("Is answered on the topic of results, with its correlation id, if that topic is not allowed")
    void notAllowed() {
        request("REPLY_TOPIC", "elsewhere".getBytes(UTF_8));
        request("REPLY_CORRELATION_ID", "c".getBytes(UTF_8));
        ProducerRecord<byte[], byte[]> result = write().history().get(0);
        assertThat(result.topic()).isEqualTo(TOPICS.results());
        assertThat(result.partition()).isNull();
        assertThat(result.headers().lastHeader("REPLY_CORRELATION_ID").value()).isEqualTo("c".getBytes(UTF_8));
    }

    @Test
    @DisplayName("Does not run if that topic is not allowed, and its result names the header")
    void isNotRun() {
        request("REPLY_TOPIC", "elsewhere".getBytes(UTF_8));
        try (RequestLifecycleFixture fixture = new RequestLifecycleFixture()) {
            assertThat(fixture.deliver(request)).succeedsWithin(Duration.ofSeconds(10));
            assertThat(fixture.results()).contains("reply_topic_not_allowed", "\"param\":\"REPLY_TOPIC\"");
            assertThat(fixture.engine().submitted()).isEmpty();
        }
    }

    private void request(String header, byte[] value) {
        request.record().headers().add(header, value);
    }

    /** Writes an error result of the request. */
    private MockProducer<byte[], byte[]> write() {
        MockProducer<byte[], byte[]> producer =
                new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer());
        ReplyRouting routing = new ReplyRouting(
                TestSettings.with(Map.of()).replies(),
                new ReplyTopics(TOPICS.results(), Map.of(TOPICS.results(), 4, "my-replies", 2)));
        ErrorBody error = ErrorBody.serverError("engine_error", "it broke");
        Answer answer = new Answer(
                new Results("base", 2, "w", Clock.systemUTC()).rejected(request, "r", Optional.empty(), error),
                Optional.of(error),
                () -> {});
        try (AnswerTransactions transactions =
                new AnswerTransactions(() -> producer, TOPICS, routing, topic -> false, () -> false)) {
            assertThat(transactions.write(
                            List.of(new AnswerTransactions.Entry(request, null, answer)),
                            Map.of(new TopicPartition("requests", 0), new OffsetAndMetadata(8)),
                            new ConsumerGroupMetadata("g")))
                    .isEqualTo(AnswerTransactions.Outcome.COMMITTED);
        }
        return producer;
    }
}
