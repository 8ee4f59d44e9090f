package io.tidemark.stream.tables;

import io.tidemark.stream.topics.KafkaConnection;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/**
 * Reads the committed records of all partitions of a compacted topic from the beginning, without a consumer group. Not
 * thread-safe.
 *
 * <p>A read ends when the position of the consumer reaches the end offsets that were fetched at its start. It does not
 * wait for a record with the last offset: transaction markers also have offsets, and such a record may not exist.
 */
public final class TableReader implements AutoCloseable {

    private static final Duration POLL = Duration.ofMillis(100);

    private final String topic;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final List<TopicPartition> partitions;

    /**
     * @param topic an existing topic
     * @throws KafkaException if no metadata of the topic arrives within 30 s
     */
    public TableReader(KafkaConnection kafka, String topic) {
        this.topic = topic;
        consumer = kafka.newConsumer(Map.of(
                ConsumerConfig.AUTO_OFFSET_RESET_CONFIG,
                "earliest",
                ConsumerConfig.CLIENT_ID_CONFIG,
                "tidemark-table-" + topic + "-" + UUID.randomUUID()));
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
     * Passes every record below the last stable offset to {@code sink}, in order within a partition. Records behind the
     * start of an open transaction are not read.
     *
     * @throws TableReadException if this takes longer than {@code timeout}
     */
    public void readToEnd(Consumer<ConsumerRecord<byte[], byte[]>> sink, Duration timeout) {
        readTo(consumer.endOffsets(partitions, timeout), sink, timeout);
    }

    /**
     * As {@link #readToEnd}, up to the high watermark: waits until all open transactions are committed or aborted. This
     * includes the transactions of the caller, since a commit returns before its markers are written.
     *
     * @throws TableReadException if this takes longer than {@code timeout}
     * @throws KafkaException     if the end offsets cannot be fetched
     */
    public void readToHighWatermark(Admin admin, Consumer<ConsumerRecord<byte[], byte[]>> sink, Duration timeout) {
        readTo(highWatermarks(admin, timeout), sink, timeout);
    }

    private Map<TopicPartition, Long> highWatermarks(Admin admin, Duration timeout) {
        Map<TopicPartition, OffsetSpec> latest =
                partitions.stream().collect(Collectors.toMap(partition -> partition, partition -> OffsetSpec.latest()));
        try {
            Map<TopicPartition, ListOffsetsResult.ListOffsetsResultInfo> ends =
                    admin.listOffsets(latest).all().get(timeout.toMillis(), TimeUnit.MILLISECONDS);
            return ends.entrySet().stream()
                    .collect(Collectors.toMap(
                            Map.Entry::getKey, end -> end.getValue().offset()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new KafkaException("interrupted while fetching the end offsets of '" + topic + "'", e);
        } catch (ExecutionException | TimeoutException e) {
            throw new KafkaException("could not fetch the end offsets of '" + topic + "'", e);
        }
    }

    private void readTo(
            Map<TopicPartition, Long> ends, Consumer<ConsumerRecord<byte[], byte[]>> sink, Duration timeout) {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
            if (System.nanoTime() > deadline) {
                throw new TableReadException(
                        "topic '" + topic + "' was not read to its end within " + timeout.toMillis() + " ms");
            }
            consumer.poll(POLL).forEach(sink);
        }
    }

    /** The consumer, positioned behind the last record that was read. */
    KafkaConsumer<byte[], byte[]> consumer() {
        return consumer;
    }

    @Override
    public void close() {
        consumer.close(CloseOptions.timeout(Duration.ofSeconds(1)));
    }
}
