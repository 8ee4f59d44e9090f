package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.message.CountedBatchHeaders;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.UncountedExamples;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Repeats of counted batches, from a topic that cannot always be read")
class CountedBatchesTest {

    private static final UncountedExamples UNCOUNTED = new UncountedExamples(3, 1, 2);

    private static final Source BATCH = new Source("validation-batches", 0, 7);

    /** Below the limits of {@link Cluster} and {@link #patient}, and far above the five seconds of a call. */
    private static final Duration SHORT = Duration.ofSeconds(20);

    private static EmbeddedBroker broker;
    private static Cluster cluster;

    private final AtomicLong now = new AtomicLong(Long.MAX_VALUE);

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
    @DisplayName("A topic that is created while batches are open is opened after a minute, and not before")
    void missingTopic() throws Exception {
        try (CountedBatches counted = new CountedBatches(cluster, "late", now::get);
                Producer<String, byte[]> calibrator = cluster.producer()) {
            counted.begin();
            create("late");
            assertOpenedAfterAMinute(counted, calibrator, "late");
        }
    }

    @Test
    @DisplayName("An open transaction holds outcomes for seconds; when it has ended, repeats are known after a minute")
    void openTransaction() throws Exception {
        create("held");
        try (CountedBatches counted = new CountedBatches(cluster, "held", now::get);
                Producer<String, byte[]> calibrator = cluster.producer()) {
            counted.begin();
            try (Producer<String, byte[]> other = new KafkaProducer<>(
                    Map.of("bootstrap.servers", cluster.brokers(), "transactional.id", "other"),
                    new StringSerializer(),
                    new ByteArraySerializer())) {
                other.initTransactions();
                other.beginTransaction();
                count(other, "held");
                assertThat(elapsed(counted::read)).isLessThan(SHORT);
                other.abortTransaction();
            }
            assertOpenedAfterAMinute(counted, calibrator, "held");
        }
    }

    @Test
    @DisplayName("Brokers that do not answer delay the first batch by seconds, whatever the client's own limits are")
    void unreachable() throws Exception {
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        try (CountedBatches counted = new CountedBatches(patient("127.0.0.1:" + port), "any", now::get)) {
            assertThat(elapsed(counted::begin)).isLessThan(SHORT);
        }
    }

    private static Cluster patient(String brokers) {
        return new Cluster(brokers, Map.of("default.api.timeout.ms", "40000", "request.timeout.ms", "30000"));
    }

    private void assertOpenedAfterAMinute(CountedBatches counted, Producer<String, byte[]> calibrator, String topic)
            throws Exception {
        now.addAndGet(Duration.ofMinutes(1).toNanos() - 1);
        counted.read();
        count(calibrator, topic);
        counted.read();
        assertThat(counted.remove(BATCH)).isEmpty();
        now.incrementAndGet();
        counted.read();
        count(calibrator, topic);
        counted.read();
        assertThat(counted.remove(BATCH)).hasValue(UNCOUNTED);
    }

    private static Duration elapsed(Runnable action) {
        long begin = System.nanoTime();
        action.run();
        return Duration.ofNanos(System.nanoTime() - begin);
    }

    private static void create(String topic) throws Exception {
        try (Admin admin = cluster.admin()) {
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
        }
    }

    /** Writes the state that counts the batch. */
    private static void count(Producer<String, byte[]> calibrator, String topic) throws Exception {
        ProducerRecord<String, byte[]> state = new ProducerRecord<>(topic, "a", new byte[0]);
        new CountedBatchHeaders(BATCH, UNCOUNTED)
                .asMap()
                .forEach((name, value) -> state.headers().add(name, value.getBytes(StandardCharsets.UTF_8)));
        calibrator.send(state).get();
    }
}
