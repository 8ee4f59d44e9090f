package io.tidemark.stream.topics;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.StreamSupport;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("Properties that are given for all Kafka clients")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class KafkaConnectionTest {

    private static final ReadLimits LIMITS = new ReadLimits(500, 1 << 20, 1 << 20);

    /** Each of these breaks a producer, a consumer or an admin client that inherits it, or changes what it does. */
    static final Map<String, Object> HARMFUL = Map.ofEntries(
            Map.entry("client.id", "shared"),
            Map.entry("group.id", "shared"),
            Map.entry("group.instance.id", "shared"),
            Map.entry("group.protocol", "consumer"),
            Map.entry("group.remote.assignor", "uniform"),
            Map.entry("partition.assignment.strategy", "no.such.Assignor"),
            Map.entry("enable.auto.commit", "true"),
            Map.entry("auto.offset.reset", "none"),
            Map.entry("isolation.level", "read_uncommitted"),
            Map.entry("key.deserializer", "no.such.Deserializer"),
            Map.entry("value.deserializer", "no.such.Deserializer"),
            Map.entry("interceptor.classes", "no.such.Interceptor"),
            Map.entry("share.acknowledgement.mode", "explicit"),
            Map.entry("transactional.id", "shared"),
            Map.entry("transaction.timeout.ms", "1"),
            Map.entry("transaction.two.phase.commit.enable", "true"),
            Map.entry("acks", "0"),
            Map.entry("enable.idempotence", "false"),
            Map.entry("retries", "0"),
            Map.entry("max.in.flight.requests.per.connection", "100"),
            Map.entry("max.request.size", "10"),
            Map.entry("partitioner.class", "no.such.Partitioner"),
            Map.entry("partitioner.ignore.keys", "true"),
            Map.entry("key.serializer", "no.such.Serializer"),
            Map.entry("value.serializer", "no.such.Serializer"),
            Map.entry("bootstrap.controllers", "localhost:1"));

    private EmbeddedBroker broker;
    private KafkaConnection kafka;

    @BeforeAll
    void start() {
        broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
        Map<String, Object> properties = new HashMap<>(HARMFUL);
        properties.put("bootstrap.servers", broker.bootstrapServers());
        properties.put("receive.buffer.bytes", "65536");
        kafka = new KafkaConnection(properties);
    }

    @AfterAll
    void stop() {
        broker.close();
    }

    @Test
    @DisplayName("Do not break a transaction, its offsets and its readers")
    void transaction() throws Exception {
        create("in", "out");
        try (KafkaProducer<byte[], byte[]> plain = kafka.newProducer(Map.of());
                KafkaProducer<byte[], byte[]> results = kafka.newTransactionalProducer("t", Map.of());
                KafkaConsumer<byte[], byte[]> requests =
                        kafka.newConsumer(LIMITS, Map.of("group.id", "g", "auto.offset.reset", "earliest"))) {
            plain.send(record("in", "request")).get(10, TimeUnit.SECONDS);
            requests.subscribe(List.of("in"));
            assertThat(values(poll(requests))).containsExactly("request");
            results.initTransactions();
            results.beginTransaction();
            results.send(record("out", "result"));
            results.sendOffsetsToTransaction(
                    Map.of(new TopicPartition("in", 0), new OffsetAndMetadata(1)), requests.groupMetadata());
            results.commitTransaction();
            assertThat(requests.groupMetadata().groupInstanceId()).isEmpty();
            assertThat(requests.committed(Set.of(new TopicPartition("in", 0))))
                    .containsEntry(new TopicPartition("in", 0), new OffsetAndMetadata(1, Optional.empty(), ""));
        }
        try (KafkaConsumer<byte[], byte[]> reader = kafka.newConsumer(LIMITS, Map.of())) {
            assertThat(values(readAll(reader, "out"))).containsExactly("result");
        }
    }

    @Test
    @DisplayName("Do not make a consumer read uncommitted records")
    void isolation() throws Exception {
        create("open");
        try (KafkaProducer<byte[], byte[]> producer = kafka.newTransactionalProducer("o", Map.of());
                KafkaConsumer<byte[], byte[]> reader = kafka.newConsumer(LIMITS, Map.of())) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(record("open", "uncommitted")).get(10, TimeUnit.SECONDS);
            TopicPartition partition = new TopicPartition("open", 0);
            assertThat(reader.endOffsets(List.of(partition))).containsEntry(partition, 0L);
            producer.abortTransaction();
        }
    }

    @Test
    @DisplayName("Are inherited unless they are in the list, which the log names")
    void inherited() {
        assertThat(kafka.notInherited()).containsExactlyInAnyOrderElementsOf(HARMFUL.keySet());
        assertThat(new KafkaConnection(Map.of("security.protocol", "SSL")).notInherited())
                .isEmpty();
    }

    @Test
    @DisplayName("Are not in the text of a connection, which may be logged")
    void credentials() {
        String text = new KafkaConnection(Map.of(
                        "bootstrap.servers",
                        "broker:9092",
                        "sasl.jaas.config",
                        "username=me password=secret",
                        "ssl.key.password",
                        "secret"))
                .toString();
        assertThat(text).contains("broker:9092").doesNotContain("secret", "username");
    }

    private void create(String... topics) throws ExecutionException, InterruptedException {
        try (Admin admin = kafka.newAdmin()) {
            for (String topic : topics) {
                admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1)))
                        .all()
                        .get();
            }
        }
    }

    private static ConsumerRecords<byte[], byte[]> readAll(KafkaConsumer<byte[], byte[]> reader, String topic) {
        List<TopicPartition> partitions = List.of(new TopicPartition(topic, 0));
        reader.assign(partitions);
        reader.seekToBeginning(partitions);
        return poll(reader);
    }

    private static ConsumerRecords<byte[], byte[]> poll(KafkaConsumer<byte[], byte[]> consumer) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        ConsumerRecords<byte[], byte[]> records = ConsumerRecords.empty();
        while (records.isEmpty() && System.nanoTime() < deadline) {
            records = consumer.poll(Duration.ofMillis(100));
        }
        return records;
    }

    private static ProducerRecord<byte[], byte[]> record(String topic, String value) {
        return new ProducerRecord<>(topic, 0, null, value.getBytes(UTF_8));
    }

    private static List<String> values(ConsumerRecords<byte[], byte[]> records) {
        return StreamSupport.stream(records.spliterator(), false)
                .map(record -> new String(record.value(), UTF_8))
                .toList();
    }
}
