package io.tidemark.stream.tables;

import io.tidemark.stream.topics.KafkaConnection;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads all partitions of a compacted topic from the beginning, committed records only, without a consumer group. One
 * thread at a time may use it; {@link #wakeup} may come from any.
 *
 * <p>The end is the end offsets asked for when a reading begins, and it is reached when the consumer's position is
 * there. Transaction markers take offsets too, so waiting for a record with the last offset could take forever.
 */
public final class TableReader implements AutoCloseable {

    private static final Duration POLL = Duration.ofMillis(100);

    private final String topic;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final List<TopicPartition> partitions;

    /**
     * @param kafka connection settings, such as {@code bootstrap.servers}
     * @param topic must exist
     */
    public TableReader(Map<String, Object> kafka, String topic) {
        this.topic = topic;
        Map<String, Object> config = new HashMap<>(kafka);
        config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
        config.put(ConsumerConfig.CLIENT_ID_CONFIG, "tidemark-table-" + topic + "-" + UUID.randomUUID());
        consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        try {
            partitions = KafkaConnection.partitionsOf(topic, consumer);
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /**
     * Hands over every record up to the end as it is now, in order within a partition.
     *
     * @throws TableNotRead when that takes longer than {@code timeout}
     */
    public void readToEnd(Consumer<ConsumerRecord<byte[], byte[]>> sink, Duration timeout) {
        readTo(consumer.endOffsets(partitions, timeout), sink, timeout);
    }

    /**
     * Hands over every committed record below the given ends. Where an end lies behind an open transaction, this waits
     * for the transaction to be committed or aborted.
     *
     * @throws TableNotRead when that takes longer than {@code timeout}
     */
    public void readTo(
            Map<TopicPartition, Long> ends, Consumer<ConsumerRecord<byte[], byte[]>> sink, Duration timeout) {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
            if (System.nanoTime() > deadline) {
                throw new TableNotRead(
                        "topic '" + topic + "' was not read to its end within " + timeout.toMillis() + " ms");
            }
            consumer.poll(POLL).forEach(sink);
        }
    }

    public List<TopicPartition> partitions() {
        return partitions;
    }

    /** Waits a moment for new records and hands over those that came. */
    public void readOnward(Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        consumer.poll(POLL).forEach(sink);
    }

    /** Makes a reading in progress throw {@link org.apache.kafka.common.errors.WakeupException}. */
    public void wakeup() {
        consumer.wakeup();
    }

    @Override
    public void close() {
        consumer.close(CloseOptions.timeout(Duration.ofSeconds(1)));
    }
}
