package io.tidemark.stream.tables;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.time.Time;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TableReaderTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(20);

    @AutoClose
    private final EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);

    private final KafkaConnection kafka = new KafkaConnection(Map.of("bootstrap.servers", broker.bootstrapServers()));

    @Test
    @DisplayName("A read ends although the last offset is a transaction marker, and skips aborted records")
    void transactionMarkers() throws Exception {
        create("markers");
        try (KafkaProducer<byte[], byte[]> producer = transactional("m")) {
            inTransaction(producer, "markers", "kept").commitTransaction();
            // without a flush the record may never be written, and the broker may refuse the end of the transaction
            inTransaction(producer, "markers", "aborted").flush();
            producer.abortTransaction();
        }
        assertThat(read("markers")).containsExactly("kept");
    }

    @Test
    @DisplayName("readToEnd stops before an open transaction, and readToHighWatermark waits until it ends")
    void openTransaction() throws Exception {
        create("open");
        try (KafkaProducer<byte[], byte[]> producer = transactional("o");
                TableReader reader = new TableReader(kafka, Time.system(), "open");
                Admin admin = kafka.newAdmin()) {
            inTransaction(producer, "open", "pending").flush();
            List<String> values = new ArrayList<>();
            reader.readToEnd(record -> values.add(text(record.value())), TIMEOUT);
            assertThat(values).isEmpty();
            assertThatThrownBy(() -> reader.readToHighWatermark(admin, record -> {}, Duration.ofMillis(300)))
                    .isInstanceOf(TableReadException.class)
                    .hasMessageContaining("'open'")
                    .hasMessageContaining("is read up to offset 0 of 1, held back by an open transaction")
                    .hasMessageContaining("kafka-transactions.sh find-hanging --topic open --partition ");
            producer.commitTransaction();
            reader.readToHighWatermark(admin, record -> values.add(text(record.value())), TIMEOUT);
            assertThat(values).containsExactly("pending");
        }
    }

    private List<String> read(String topic) {
        List<String> values = new ArrayList<>();
        try (TableReader reader = new TableReader(kafka, Time.system(), topic);
                Admin admin = kafka.newAdmin()) {
            reader.readToHighWatermark(admin, record -> values.add(text(record.value())), TIMEOUT);
        }
        return values;
    }

    private KafkaProducer<byte[], byte[]> transactional(String id) {
        KafkaProducer<byte[], byte[]> producer = kafka.newTransactionalProducer(id, Map.of());
        producer.initTransactions();
        return producer;
    }

    private static KafkaProducer<byte[], byte[]> inTransaction(
            KafkaProducer<byte[], byte[]> producer, String topic, String value) {
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(topic, value.getBytes(StandardCharsets.UTF_8)));
        return producer;
    }

    private void create(String topic) throws Exception {
        try (Admin admin = kafka.newAdmin()) {
            admin.createTopics(List.of(new NewTopic(topic, 2, (short) 1))).all().get();
        }
    }

    private static String text(byte[] value) {
        return new String(value, StandardCharsets.UTF_8);
    }
}
