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
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A member of a group")
class ReadLimitsTest {

    @Test
    @DisplayName(
            "Reads a compressed batch of 64 MiB in parts, and keeps of its large values what dead letters need and their size")
    void inflatingBatch() throws Exception {
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY)) {
            KafkaConnection kafka = new KafkaConnection(Map.of("bootstrap.servers", broker.bootstrapServers()));
            try (Admin admin = kafka.newAdmin()) {
                admin.createTopics(List.of(new NewTopic("t", 1, (short) 1)))
                        .all()
                        .get();
            }
            sendOneBatch(kafka);
            ReadLimits limits = new ReadLimits(4, 1 << 20, LargeBatch.RECORD_BYTES / 2);
            try (Consumer<byte[], byte[]> consumer = kafka.newGroupMember("g", "c", limits, "earliest")) {
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
                    return read.size() >= LargeBatch.RECORDS;
                });
                assertThat(read).hasSize(LargeBatch.RECORDS).allSatisfy(record -> {
                    assertThat(record.value()).hasSize(DeadLetterHeaders.KEPT_BYTES);
                    assertThat(DeadLetter.size(record)).isEqualTo(LargeBatch.RECORD_BYTES);
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

    private static void sendOneBatch(KafkaConnection kafka) {
        try (KafkaProducer<byte[], byte[]> producer = kafka.newProducer(LargeBatch.PRODUCER)) {
            for (int i = 0; i < LargeBatch.RECORDS; i++) {
                ProducerRecord<byte[], byte[]> record = new ProducerRecord<>("t", new byte[LargeBatch.RECORD_BYTES]);
                record.headers().add(new RecordHeader("h", new byte[] {7}));
                producer.send(record);
            }
            producer.flush();
        }
    }
}
