package io.tidemark.stream.topics;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.message.DeadLetterHeaders;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A member of a group")
class ReadLimitsTest {

    private static final int RECORDS = 64;
    private static final int RECORD_BYTES = 1 << 20;

    @Test
    @DisplayName(
            "Reads a compressed batch of 64 MiB in parts, and keeps of its large values what dead letters need and their size")
    void inflatingBatch() throws Exception {
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY)) {
            String servers = broker.bootstrapServers();
            try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
                admin.createTopics(List.of(new NewTopic("t", 1, (short) 1)))
                        .all()
                        .get();
            }
            sendOneBatch(servers);
            ReadLimits limits = new ReadLimits(4, 1 << 20, RECORD_BYTES / 2);
            try (Consumer<byte[], byte[]> consumer = new KafkaConnection(Map.of("bootstrap.servers", servers))
                    .newGroupMember("g", "c", limits, "earliest")) {
                consumer.subscribe(List.of("t"));
                List<ConsumerRecord<byte[], byte[]>> read = new ArrayList<>();
                Awaitility.await().until(() -> {
                    poll(consumer).forEach(read::add);
                    return !read.isEmpty();
                });
                assertThat(read).as("of one poll").hasSize(4);
                consumer.pause(consumer.assignment());
                assertThat(poll(consumer)).isEmpty();
                consumer.resume(consumer.assignment());
                Awaitility.await().until(() -> {
                    poll(consumer).forEach(read::add);
                    return read.size() >= RECORDS;
                });
                assertThat(read).hasSize(RECORDS).allSatisfy(record -> {
                    assertThat(record.value()).hasSize(DeadLetterHeaders.KEPT_BYTES);
                    assertThat(DeadLetter.size(record)).isEqualTo(RECORD_BYTES);
                    assertThat(record.headers().lastHeader("h").value()).containsExactly(7);
                });
            }
        }
    }

    private static List<ConsumerRecord<byte[], byte[]>> poll(Consumer<byte[], byte[]> consumer) {
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        consumer.poll(Duration.ofMillis(500)).forEach(records::add);
        assertThat(records).hasSizeLessThanOrEqualTo(4);
        return records;
    }

    private static void sendOneBatch(String servers) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                Map.of(
                        "bootstrap.servers",
                        servers,
                        "compression.type",
                        "zstd",
                        "batch.size",
                        2 * RECORDS * RECORD_BYTES,
                        "buffer.memory",
                        4L * RECORDS * RECORD_BYTES,
                        "max.request.size",
                        2 * RECORDS * RECORD_BYTES,
                        "linger.ms",
                        5_000),
                new ByteArraySerializer(),
                new ByteArraySerializer())) {
            for (int i = 0; i < RECORDS; i++) {
                ProducerRecord<byte[], byte[]> record = new ProducerRecord<>("t", new byte[RECORD_BYTES]);
                record.headers().add(new RecordHeader("h", new byte[] {7}));
                producer.send(record);
            }
            producer.flush();
        }
    }
}
