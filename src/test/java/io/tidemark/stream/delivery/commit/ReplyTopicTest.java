package io.tidemark.stream.delivery.commit;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.TestSettings;
import io.tidemark.stream.delivery.Deliveries;
import io.tidemark.stream.delivery.reply.Delivery;
import io.tidemark.stream.delivery.reply.EventWriter;
import io.tidemark.stream.delivery.reply.ReplyRouting;
import io.tidemark.stream.topics.ReplyTopics;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.time.Time;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
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

    private final ConsumerRecord<byte[], byte[]> request = new ConsumerRecord<>("requests", 0, 7, null, new byte[1]);

    @Test
    @DisplayName("Is answered there in place of the results topic, with its correlation id and in one transaction")
    void directed() {
        request("kafka_replyTopic", "my-replies".getBytes(UTF_8));
        request("kafka_replyPartition", new byte[] {0, 0, 0, 1});
        request("kafka_correlationId", new byte[] {1, 2});
        MockProducer<byte[], byte[]> producer = write();
        ProducerRecord<byte[], byte[]> result = producer.history().get(0);
        assertThat(result.topic()).isEqualTo("my-replies");
        assertThat(result.partition()).isEqualTo(1);
        assertThat(result.key()).isEqualTo("r7".getBytes(UTF_8));
        assertThat(result.headers().lastHeader("kafka_correlationId").value()).containsExactly(1, 2);
        assertThat(result.headers().lastHeader("kafka_replyTopic")).isNull();
        assertThat(producer.history())
                .extracting(ProducerRecord::topic)
                .containsExactly("my-replies", TOPICS.deadLetters());
    }

    @Test
    @DisplayName("Is answered on the results topic, with its correlation id, if that topic is not allowed")
    void notAllowed() {
        request("REPLY_TOPIC", "elsewhere".getBytes(UTF_8));
        request("REPLY_CORRELATION_ID", "c".getBytes(UTF_8));
        ProducerRecord<byte[], byte[]> result = write().history().get(0);
        assertThat(result.topic()).isEqualTo(TOPICS.results());
        assertThat(result.partition()).isNull();
        assertThat(result.headers().lastHeader("REPLY_CORRELATION_ID").value()).isEqualTo("c".getBytes(UTF_8));
    }

    private void request(String header, byte[] value) {
        request.headers().add(header, value);
    }

    /** Writes an error result of the request. */
    private MockProducer<byte[], byte[]> write() {
        MockProducer<byte[], byte[]> producer =
                new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer());
        ReplyRouting routing = new ReplyRouting(
                List.of(),
                new ReplyTopics(TOPICS.results(), Map.of(TOPICS.results(), 4, "my-replies", 2)),
                new EventWriter(event -> {}));
        TopicPartition partition = new TopicPartition("requests", 0);
        Delivery delivery = Deliveries.delivery(Deliveries.progress(partition), request, routing);
        Time time = Time.system();
        try (AnswerTransactions transactions = new AnswerTransactions(
                FaultlessCluster.producers(() -> producer),
                TOPICS,
                FaultlessCluster.noUnwritableTopics(),
                FaultlessCluster.noFaults(),
                () -> false,
                time)) {
            assertThat(transactions.write(
                            List.of(new PendingAnswer(delivery, Deliveries.error(delivery))),
                            Map.of(partition, new OffsetAndMetadata(8)),
                            new ConsumerGroupMetadata("g")))
                    .isEqualTo(AnswerTransactions.CommitOutcome.COMMITTED);
        }
        return producer;
    }
}
