package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.message.CancellationMessage;
import io.tidemark.message.Provenance.Source;
import io.tidemark.stream.LogCapture;
import io.tidemark.stream.tables.TopicFollower;
import io.tidemark.stream.topics.KafkaClients;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.LargeBatch;
import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.time.VirtualTime;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.UnaryOperator;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
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

    @Test
    @DisplayName("Logs invalid cancellations in one line a minute, with their number, and counts them")
    void invalid() {
        VirtualTime time = new VirtualTime();
        SimulatedKafka kafka = new SimulatedKafka(time, Map.of(TOPIC, 1));
        for (int minute = 0; minute < 3; minute++) {
            for (int i = 0; i < 100; i++) {
                append(kafka, "{}");
            }
            append(kafka, "{\"id\": \"valid\"}");
        }
        List<CancellationReader> readers = new ArrayList<>();
        List<String> logged = LogCapture.of(
                CancellationReader.class,
                () -> readers.add(CancellationReader.start(
                        new KafkaThread(kafka, time, task -> {}),
                        TOPIC,
                        new TopicFollower.Limits(Duration.ofHours(1), TIMEOUT),
                        (cancellation, timestamp) -> time.sleep(Duration.ofMinutes(1)))));
        assertThat(readers.get(0).invalid()).isEqualTo(300);
        assertThat(logged).hasSize(3);
        assertThat(logged.get(0)).contains("ignored 1 invalid cancellations", TOPIC + "-0@0");
        assertThat(logged.get(1)).contains("ignored 100 invalid cancellations", TOPIC + "-0@101");
    }

    private static void append(SimulatedKafka kafka, String value) {
        kafka.append(new TopicPartition(TOPIC, 0), null, value.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    @DisplayName(
            "Reads a compressed batch of 64 MiB in parts of 64 KiB a value, and skips its values, which are too long")
    void inflatingBatch() throws Exception {
        List<CancellationMessage> received = new CopyOnWriteArrayList<>();
        List<List<Integer>> polled = new CopyOnWriteArrayList<>();
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY)) {
            KafkaConnection kafka = new KafkaConnection(Map.of("bootstrap.servers", broker.bootstrapServers()));
            try (Admin admin = kafka.newAdmin()) {
                admin.createTopics(List.of(new NewTopic(TOPIC, 1, (short) 1)))
                        .all()
                        .get();
            }
            try (KafkaProducer<byte[], byte[]> producer = kafka.newProducer(LargeBatch.PRODUCER)) {
                // without the spaces, it would be a valid cancellation
                String value = "{\"id\": \"inflated\"}" + " ".repeat(LargeBatch.RECORD_BYTES);
                for (int i = 0; i < LargeBatch.RECORDS; i++) {
                    send(producer, System.currentTimeMillis(), value);
                }
                send(producer, System.currentTimeMillis(), "{\"id\": \"behind\"}");
                producer.flush();
            }
            try (CancellationReader reader = CancellationReader.start(
                    KafkaThread.named("follower", recording(kafka, polled)),
                    TOPIC,
                    new TopicFollower.Limits(TIMEOUT, TIMEOUT),
                    (cancellation, timestamp) -> received.add(cancellation))) {
                assertThat(received).containsExactly(CancellationMessage.ofId("behind"));
            }
        }
        assertThat(polled.stream().mapToInt(List::size).sum()).isEqualTo(LargeBatch.RECORDS + 1);
        assertThat(polled)
                .allSatisfy(values -> assertThat(values)
                        .hasSizeLessThanOrEqualTo(16)
                        .allSatisfy(bytes -> assertThat(bytes).isLessThanOrEqualTo(CancellationMessage.MAX_BYTES)));
    }

    /** Notes the sizes of the values of each poll of a consumer. */
    private static KafkaClients recording(KafkaConnection kafka, List<List<Integer>> polled) {
        return proxy(
                KafkaClients.class,
                kafka,
                clients -> clients instanceof Consumer<?, ?> consumer
                        ? proxy(Consumer.class, consumer, result -> {
                            if (result instanceof ConsumerRecords<?, ?> records) {
                                List<Integer> sizes = new ArrayList<>();
                                records.forEach(record -> sizes.add(((byte[]) record.value()).length));
                                polled.add(sizes);
                            }
                            return result;
                        })
                        : clients);
    }

    private static <T> T proxy(Class<T> type, T target, UnaryOperator<Object> result) {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> {
                    try {
                        return result.apply(method.invoke(target, arguments));
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                }));
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, long timestamp, String value) {
        producer.send(new ProducerRecord<>(TOPIC, 0, timestamp, null, value.getBytes(StandardCharsets.UTF_8)));
    }
}
