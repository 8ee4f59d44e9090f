package io.tidemark.stream.calibrator;

import io.tidemark.stream.topics.KafkaConnection;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/**
 * What a batch leads to and the offset behind it, in one transaction: after a crash at any point, either both are there
 * or neither. A calibrator whose partition was given to another can't commit: the group's generation fences it.
 */
final class BatchTransactions implements AutoCloseable {

    private final KafkaProducer<byte[], byte[]> producer;
    private final Consumer<byte[], byte[]> consumer;

    BatchTransactions(KafkaConnection kafka, String transactionalId, Consumer<byte[], byte[]> consumer) {
        this.consumer = consumer;
        this.producer = kafka.newProducer(Map.of(
                ProducerConfig.TRANSACTIONAL_ID_CONFIG,
                transactionalId,
                // an open transaction of a killed calibrator holds up readers of committed records for so long
                ProducerConfig.TRANSACTION_TIMEOUT_CONFIG,
                10_000,
                ProducerConfig.CLIENT_ID_CONFIG,
                "tidemark-calibrator"));
        try {
            producer.initTransactions();
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /** @throws KafkaException when nothing of it was committed; the producer is of no use then */
    void commit(ConsumerRecord<byte[], byte[]> batch, List<ProducerRecord<byte[], byte[]>> records) {
        producer.beginTransaction();
        records.forEach(producer::send);
        producer.sendOffsetsToTransaction(
                Map.of(new TopicPartition(batch.topic(), batch.partition()), new OffsetAndMetadata(batch.offset() + 1)),
                consumer.groupMetadata());
        producer.commitTransaction();
    }

    /** One more record, with no batch behind it. */
    void publish(ProducerRecord<byte[], byte[]> record) {
        producer.beginTransaction();
        producer.send(record);
        producer.commitTransaction();
    }

    /** Aborts what is open. */
    @Override
    public void close() {
        producer.close(Duration.ofSeconds(5));
    }
}
