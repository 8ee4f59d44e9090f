package io.tidemark.stream.tables;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.KafkaThread;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("A follower of a topic")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TopicFollowerTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final TopicFollower.Limits LIMITS = new TopicFollower.Limits(TIMEOUT, Duration.ofMillis(500));

    private final List<String> values = new CopyOnWriteArrayList<>();

    @AutoClose
    private final EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);

    private final KafkaConnection kafka = new KafkaConnection(Map.of("bootstrap.servers", broker.bootstrapServers()));

    @BeforeEach
    void clear() {
        values.clear();
    }

    @Test
    @DisplayName("Of a table reports a transaction that stays open, its offset and its lag, until it ends")
    void hangingTransaction() {
        create("boundaries");
        try (KafkaProducer<byte[], byte[]> producer = kafka.newProducer(Map.of());
                KafkaProducer<byte[], byte[]> hanging = kafka.newTransactionalProducer("hanging", Map.of());
                TopicFollower follower = TopicFollower.ofTable(thread(kafka), "boundaries", LIMITS, this::collect)) {
            send(producer, "boundaries", 0, "first");
            Awaitility.await().atMost(TIMEOUT).until(() -> values.contains("first") && follower.lag() == 0);
            hanging.initTransactions();
            hanging.beginTransaction();
            send(hanging, "boundaries", 0, "uncommitted");
            hanging.flush();
            send(producer, "boundaries", 0, "behind");
            Awaitility.await()
                    .atMost(TIMEOUT)
                    .untilAsserted(() -> assertThat(follower.disruption())
                            .get()
                            .asString()
                            .contains(
                                    "partition 0 of 'boundaries' is read up to offset 1 of 3",
                                    "open transaction",
                                    "find-hanging --topic boundaries --partition 0"));
            assertThat(follower.lag()).isEqualTo(2);
            assertThat(values).doesNotContain("behind");
            hanging.abortTransaction();
            Awaitility.await()
                    .atMost(TIMEOUT)
                    .until(() -> values.contains("behind")
                            && follower.lag() == 0
                            && follower.disruption().isEmpty());
            assertThat(values).doesNotContain("uncommitted");
        }
    }

    @Test
    @DisplayName("Reads the records since a moment before it returns, and later ones, also of open transactions")
    void since() {
        create("since");
        Instant now = Instant.now();
        try (KafkaProducer<byte[], byte[]> producer = kafka.newProducer(Map.of());
                KafkaProducer<byte[], byte[]> open = kafka.newTransactionalProducer("open", Map.of())) {
            send(producer, "since", now.minusSeconds(3601).toEpochMilli(), "old");
            send(producer, "since", now.minusSeconds(3599).toEpochMilli(), "recent");
            open.initTransactions();
            open.beginTransaction();
            send(open, "since", now.toEpochMilli(), "uncommitted");
            open.flush();
            producer.flush();
            try (TopicFollower follower = TopicFollower.since(
                    thread(kafka), "since", 1 << 20, now.minusSeconds(3600), LIMITS, this::collect)) {
                assertThat(values).containsExactly("recent", "uncommitted");
                send(producer, "since", now.toEpochMilli(), "later");
                Awaitility.await().atMost(TIMEOUT).until(() -> values.contains("later") && follower.lag() == 0);
                Awaitility.await()
                        .atMost(TIMEOUT)
                        .until(() -> follower.disruption().isEmpty());
            }
        }
    }

    @Test
    @DisplayName("Since a moment after the last record begins at the end")
    void sinceTheEnd() {
        create("ended");
        try (KafkaProducer<byte[], byte[]> producer = kafka.newProducer(Map.of())) {
            send(producer, "ended", 1, "old");
            producer.flush();
            try (TopicFollower follower =
                    TopicFollower.since(thread(kafka), "ended", 1 << 20, Instant.now(), LIMITS, this::collect)) {
                send(producer, "ended", 1, "new");
                Awaitility.await().atMost(TIMEOUT).until(() -> values.contains("new"));
                assertThat(values).doesNotContain("old");
            }
        }
    }

    @Test
    @DisplayName("Reports brokers that do not answer")
    void noBroker() {
        EmbeddedBroker other = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
        KafkaConnection connection = new KafkaConnection(Map.of("bootstrap.servers", other.bootstrapServers()));
        create(connection, "lonely");
        try (TopicFollower follower = TopicFollower.ofTable(thread(connection), "lonely", LIMITS, this::collect)) {
            Awaitility.await().atMost(TIMEOUT).until(() -> follower.lag() == 0);
            other.close();
            Awaitility.await()
                    .atMost(TIMEOUT)
                    .untilAsserted(() ->
                            assertThat(follower.disruption()).get().asString().contains("'lonely'", "end offsets"));
            assertThat(follower.isAlive()).isTrue();
        }
    }

    private static KafkaThread thread(KafkaConnection connection) {
        return KafkaThread.named("follower", connection);
    }

    private void collect(ConsumerRecord<byte[], byte[]> record) {
        values.add(new String(record.value(), StandardCharsets.UTF_8));
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, String topic, long timestamp, String value) {
        producer.send(new ProducerRecord<>(topic, 0, timestamp, null, value.getBytes(StandardCharsets.UTF_8)));
    }

    private void create(String topic) {
        create(kafka, topic);
    }

    private static void create(KafkaConnection kafka, String topic) {
        try (Admin admin = kafka.newAdmin()) {
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}
