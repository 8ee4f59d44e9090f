package io.tidemark.topic;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.time.Time;
import io.tidemark.time.VirtualTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("A reader of topics")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TopicReaderTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(20);

    @AutoClose
    private final EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);

    @AutoClose
    private final Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));

    private final Queue<String> read = new ConcurrentLinkedQueue<>();

    @BeforeEach
    void clear() {
        read.clear();
    }

    @Test
    @DisplayName("Stops before an open transaction, or waits until it ends and names it if it stays open")
    void openTransaction() throws Exception {
        create("open");
        try (Producer<byte[], byte[]> producer = transactional("o");
                TopicReader<byte[]> reader = reader(500)) {
            reader.addFromBeginning("open");
            send(producer, "open", "pending");
            producer.flush();
            reader.readToEnd(this::keep, TIMEOUT);
            assertThat(read).isEmpty();
            assertThatThrownBy(() -> reader.readToHighWatermark(admin, this::keep, Duration.ofSeconds(1)))
                    .isInstanceOf(TimeoutException.class)
                    .hasMessageContainingAll(
                            "topic 'open' had no progress for 1000 ms",
                            "is read up to offset 0 of 1, held back by an open transaction",
                            "kafka-transactions.sh find-hanging --topic open --partition ");
            CompletableFuture<Void> reading =
                    CompletableFuture.runAsync(() -> reader.readToHighWatermark(admin, this::keep, TIMEOUT));
            assertThatThrownBy(() -> reading.get(1, TimeUnit.SECONDS))
                    .isInstanceOf(java.util.concurrent.TimeoutException.class);
            producer.commitTransaction();
            reading.get(20, TimeUnit.SECONDS);
        }
        assertThat(read).containsExactly("pending");
    }

    @Test
    @DisplayName("Reaches the end although the last offset is a transaction marker, and skips aborted records")
    void transactionMarkers() throws Exception {
        create("markers");
        try (Producer<byte[], byte[]> producer = transactional("m");
                TopicReader<byte[]> reader = reader(500)) {
            send(producer, "markers", "kept");
            producer.commitTransaction();
            producer.beginTransaction();
            send(producer, "markers", "aborted");
            // without a flush the record may never be written, and the broker may refuse the end of the transaction
            producer.flush();
            producer.abortTransaction();
            reader.addFromBeginning("markers");
            reader.readToHighWatermark(admin, this::keep, TIMEOUT);
        }
        assertThat(read).containsExactly("kept");
    }

    @Test
    @DisplayName("May take longer than the limit up to the high watermark, which is that of the time without progress")
    void longTopic() throws Exception {
        create("long");
        Duration limit = Duration.ofSeconds(2);
        List<String> slowly = new ArrayList<>();
        try (Producer<byte[], byte[]> producer = transactional("l");
                TopicReader<byte[]> reader = reader(1)) {
            for (int i = 0; i < 5; i++) {
                send(producer, "long", "" + i);
            }
            producer.commitTransaction();
            reader.addFromBeginning("long");
            Instant end = Instant.now().plus(limit);
            reader.readToHighWatermark(
                    admin,
                    record -> {
                        slowly.add(text(record));
                        Awaitility.await().until(() -> Instant.now().isAfter(end));
                    },
                    limit);
        }
        assertThat(slowly).containsExactlyInAnyOrder("0", "1", "2", "3", "4");
    }

    @Test
    @DisplayName("Waits for the metadata of a new topic, and fails without it")
    void newTopic() {
        VirtualTime time = new VirtualTime();
        MockConsumer<byte[], byte[]> consumer = new MockConsumer<>("earliest");
        try (TopicReader<byte[]> reader = new TopicReader<>(consumer, time, Duration.ofSeconds(30))) {
            assertThatThrownBy(() -> reader.addFromBeginning("new"))
                    .isInstanceOf(UnknownTopicOrPartitionException.class)
                    .hasMessageContaining("topic 'new' does not exist");
            time.schedule(
                    Duration.ofSeconds(29),
                    () -> consumer.updatePartitions("new", List.of(new PartitionInfo("new", 0, null, null, null))));
            reader.addFromBeginning("new");
            assertThat(consumer.assignment()).containsExactly(new TopicPartition("new", 0));
        }
    }

    private void keep(ConsumerRecord<byte[], byte[]> record) {
        read.add(text(record));
    }

    private static String text(ConsumerRecord<byte[], byte[]> record) {
        return new String(record.value(), UTF_8);
    }

    private TopicReader<byte[]> reader(int pollRecords) {
        Map<String, Object> config = Map.of(
                "bootstrap.servers",
                broker.bootstrapServers(),
                "isolation.level",
                "read_committed",
                "auto.offset.reset",
                "earliest",
                "max.poll.records",
                pollRecords);
        return new TopicReader<>(
                new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer()),
                Time.system(),
                Duration.ZERO);
    }

    /** A producer with an open transaction. */
    private Producer<byte[], byte[]> transactional(String id) {
        Producer<byte[], byte[]> producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", broker.bootstrapServers(), "transactional.id", id),
                new ByteArraySerializer(),
                new ByteArraySerializer());
        producer.initTransactions();
        producer.beginTransaction();
        return producer;
    }

    private static void send(Producer<byte[], byte[]> producer, String topic, String value) {
        producer.send(new ProducerRecord<>(topic, value.getBytes(UTF_8)));
    }

    private void create(String topic) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, 2, (short) 1))).all().get();
    }
}
