package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.management.ObjectName;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Topic reader")
class TopicReaderTest {

    private static EmbeddedBroker broker;
    private static Cluster cluster;

    @BeforeAll
    static void start() {
        broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
        cluster = new Cluster(broker.bootstrapServers());
    }

    @AfterAll
    static void stop() {
        broker.close();
    }

    @Test
    @DisplayName("Reading to the end waits for an open transaction and returns the records that it commits")
    void waitsForOpenTransactions() throws Exception {
        Queue<String> read = new ConcurrentLinkedQueue<>();
        try (Producer<String, byte[]> producer = withOpenTransaction("waits");
                TopicReader reader = TopicReader.fromStart(cluster, "waits")) {
            CompletableFuture<Void> reading =
                    CompletableFuture.runAsync(() -> reader.readToEnd(record -> read.add(record.key())));
            assertThatThrownBy(() -> reading.get(1, TimeUnit.SECONDS)).isInstanceOf(TimeoutException.class);
            producer.commitTransaction();
            reading.get(20, TimeUnit.SECONDS);
        }
        assertThat(read).containsExactly("in the transaction");
    }

    @Test
    @DisplayName("Reading to the end fails with the partition and offset if a transaction stays open")
    void givesUp() throws Exception {
        try (Producer<String, byte[]> producer = withOpenTransaction("stuck");
                TopicReader reader = TopicReader.fromStart(cluster, "stuck")) {
            assertThatThrownBy(() -> reader.readToEnd(record -> {}, Duration.ofSeconds(1)))
                    .isInstanceOf(ClientException.class)
                    .hasMessageContainingAll("stuck-0", "offset 1", "within 1 s", "transaction");
            producer.abortTransaction();
        }
    }

    @Test
    @DisplayName("Reading to the end may take longer than the limit, which is that of the time without progress")
    void longTopic() throws Exception {
        create("long");
        try (Producer<String, byte[]> producer = cluster.producer()) {
            for (int i = 0; i < 5; i++) {
                producer.send(new ProducerRecord<>("long", "" + i, new byte[0])).get();
            }
        }
        Cluster oneByOne = new Cluster(cluster.brokers(), Map.of("max.poll.records", "1"));
        Duration limit = Duration.ofSeconds(2);
        List<String> read = new ArrayList<>();
        try (TopicReader reader = TopicReader.fromStart(oneByOne, "long")) {
            Instant end = Instant.now().plus(limit);
            reader.readToEnd(
                    record -> {
                        read.add(record.key());
                        Awaitility.await().until(() -> Instant.now().isAfter(end));
                    },
                    limit);
        }
        assertThat(read).containsExactly("0", "1", "2", "3", "4");
    }

    @Test
    @DisplayName("A reader of a topic that cannot be read fails with topic and brokers, and leaves no consumer open")
    void closesConsumer() throws Exception {
        Cluster named = new Cluster(cluster.brokers(), Map.of("client.id", "never-begins"));
        for (String topic : List.of("not a name", "absent")) {
            assertThatThrownBy(() -> TopicReader.fromStart(named, topic))
                    .isInstanceOf(ClientException.class)
                    .hasMessageContainingAll("topic '" + topic + "'", cluster.brokers());
            assertThatThrownBy(() -> TopicReader.fromNow(named, topic)).isInstanceOf(ClientException.class);
        }
        assertThat(ManagementFactory.getPlatformMBeanServer()
                        .queryNames(new ObjectName("kafka.consumer:type=app-info,id=never-begins"), null))
                .isEmpty();
    }

    private static void create(String topic) throws Exception {
        try (Admin admin = cluster.admin()) {
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
        }
    }

    private static Producer<String, byte[]> withOpenTransaction(String topic) throws Exception {
        create(topic);
        Producer<String, byte[]> producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", cluster.brokers(), "transactional.id", topic),
                new StringSerializer(),
                new ByteArraySerializer());
        producer.initTransactions();
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(topic, "in the transaction", new byte[0]))
                .get();
        return producer;
    }
}
