package io.tidemark.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("Embedded broker")
class EmbeddedBrokerTest {

    private static final TopicPartition PARTITION = new TopicPartition("kept", 0);

    @Test
    @DisplayName("A restart with the same folder keeps records, also one of five megabytes")
    void stateSurvivesARestart(@TempDir Path folder) throws Exception {
        BrokerOptions options = new BrokerOptions(0, Optional.of(folder));
        byte[] large = new byte[5 * 1024 * 1024 - 1024];
        try (EmbeddedBroker broker = EmbeddedBroker.start(options)) {
            createTopic(broker);
            try (KafkaProducer<byte[], byte[]> producer = producer(broker)) {
                producer.send(new ProducerRecord<>("kept", "small".getBytes(StandardCharsets.UTF_8)))
                        .get();
                producer.send(new ProducerRecord<>("kept", large)).get();
            }
        }
        try (EmbeddedBroker broker = EmbeddedBroker.start(options)) {
            List<Integer> sizes = readSizes(broker);
            assertThat(sizes).containsExactly(5, large.length);
        }
    }

    @Test
    @DisplayName("A port that is taken is refused by number, and the message names the option")
    void takenPort() {
        try (EmbeddedBroker first = EmbeddedBroker.start(BrokerOptions.TEMPORARY)) {
            assertThatThrownBy(() -> EmbeddedBroker.start(new BrokerOptions(first.port(), Optional.empty())))
                    .isInstanceOf(BrokerException.class)
                    .hasMessageContaining("port " + first.port() + " is taken; choose another one with --broker-port");
        }
    }

    @Test
    @DisplayName("Without Kafka's server, as in an image, a start says what to use instead")
    void noServer() throws Exception {
        URL classes = EmbeddedBroker.class.getProtectionDomain().getCodeSource().getLocation();
        try (URLClassLoader image = new URLClassLoader(new URL[] {classes}, ClassLoader.getPlatformClassLoader())) {
            Class<?> options = image.loadClass(BrokerOptions.class.getName());
            Method start = image.loadClass(EmbeddedBroker.class.getName()).getMethod("start", options);
            assertThatThrownBy(() ->
                            start.invoke(null, options.getField("TEMPORARY").get(null)))
                    .cause()
                    .hasMessageContaining("no Kafka broker")
                    .hasMessageContaining("--broker HOST:PORT");
        }
    }

    private static void createTopic(EmbeddedBroker broker) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
            NewTopic topic = new NewTopic("kept", 1, (short) 1)
                    .configs(Map.of("max.message.bytes", Integer.toString(5 * 1024 * 1024)));
            admin.createTopics(List.of(topic)).all().get();
        }
    }

    private static KafkaProducer<byte[], byte[]> producer(EmbeddedBroker broker) {
        return new KafkaProducer<>(
                Map.of("bootstrap.servers", broker.bootstrapServers(), "max.request.size", 5 * 1024 * 1024),
                new ByteArraySerializer(),
                new ByteArraySerializer());
    }

    private static List<Integer> readSizes(EmbeddedBroker broker) {
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(
                Map.of("bootstrap.servers", broker.bootstrapServers(), "auto.offset.reset", "earliest"),
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer())) {
            consumer.assign(List.of(PARTITION));
            long end = consumer.endOffsets(List.of(PARTITION)).get(PARTITION);
            List<Integer> sizes = new ArrayList<>();
            while (consumer.position(PARTITION) < end) {
                for (ConsumerRecord<byte[], byte[]> kept : consumer.poll(Duration.ofSeconds(1))) {
                    sizes.add(kept.value().length);
                }
            }
            return sizes;
        }
    }
}
