package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.message.CancellationMessage;
import io.tidemark.message.Provenance.Source;
import io.tidemark.stream.tables.TopicFollower;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.KafkaThread;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The reader of cancellations")
class CancellationReaderTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final String TOPIC = "cancellations";

    private record Received(CancellationMessage cancellation, long timestamp) {}

    @Test
    @DisplayName(
            "Has passed those of the last hour when it has started, then passes later ones, and skips invalid ones")
    void lastHour() throws Exception {
        List<Received> received = new CopyOnWriteArrayList<>();
        long now = System.currentTimeMillis();
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY)) {
            KafkaConnection kafka = new KafkaConnection(Map.of("bootstrap.servers", broker.bootstrapServers()));
            // with the clients' time, so that the test can write old records
            try (Admin admin = kafka.newAdmin()) {
                admin.createTopics(List.of(new NewTopic(TOPIC, 1, (short) 1)
                                .configs(Map.of("retention.ms", "-1", "message.timestamp.type", "CreateTime"))))
                        .all()
                        .get();
            }
            try (KafkaProducer<byte[], byte[]> producer = kafka.newProducer(Map.of())) {
                send(producer, now - 3_700_000, "{\"id\": \"too-old\"}");
                send(producer, now - 3_500_000, "{\"id\": \"kept\"}");
                send(producer, now - 20, "{\"reason\": \"invalid\"}");
                send(producer, now - 10, "{\"source\": {\"topic\": \"requests\", \"partition\": 1, \"offset\": 7}}");
                producer.flush();
                try (CancellationReader reader = CancellationReader.start(
                        KafkaThread.named("follower", kafka),
                        TOPIC,
                        new TopicFollower.Limits(TIMEOUT, TIMEOUT),
                        (cancellation, timestamp) -> received.add(new Received(cancellation, timestamp)))) {
                    assertThat(received)
                            .containsExactly(
                                    new Received(CancellationMessage.ofId("kept"), now - 3_500_000),
                                    new Received(CancellationMessage.ofSource(new Source("requests", 1, 7)), now - 10));
                    send(producer, now, "{\"id\": \"later\"}");
                    Awaitility.await()
                            .atMost(TIMEOUT)
                            .until(() -> received.contains(new Received(CancellationMessage.ofId("later"), now)));
                    assertThat(reader.isAlive()).isTrue();
                    assertThat(reader.disruption()).isEmpty();
                }
            }
        }
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, long timestamp, String value) {
        producer.send(new ProducerRecord<>(TOPIC, 0, timestamp, null, value.getBytes(StandardCharsets.UTF_8)));
    }
}
