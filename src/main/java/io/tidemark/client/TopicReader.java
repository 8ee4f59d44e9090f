package io.tidemark.client;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;

/**
 * Reads all partitions of topics without a consumer group, from their ends onwards or from the start. Opening a reader
 * fails with a {@link ClientException} if a topic does not exist or cannot be read.
 */
final class TopicReader implements AutoCloseable {

    private static final Duration POLL = Duration.ofMillis(200);

    /**
     * The time without progress; longer than the time until the broker aborts the transaction of a calibrator that was
     * killed.
     */
    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    private final Cluster cluster;
    private final Consumer<String, byte[]> consumer;
    private final List<TopicPartition> partitions;

    private TopicReader(Cluster cluster, Consumer<String, byte[]> consumer, Collection<String> topics, Start start) {
        this.cluster = cluster;
        this.consumer = consumer;
        this.partitions =
                topics.stream().flatMap(topic -> partitions(topic).stream()).toList();
        consumer.assign(partitions);
        start.seek(consumer, partitions);
    }

    private List<TopicPartition> partitions(String topic) {
        List<PartitionInfo> infos =
                Optional.ofNullable(consumer.partitionsFor(topic)).orElse(List.of());
        if (infos.isEmpty()) {
            throw new ClientException.Failed("topic '" + topic + "' does not exist at " + cluster.brokers()
                    + "; 'tidemark serve' and 'tidemark broker' create the topics");
        }
        return infos.stream()
                .map(info -> new TopicPartition(info.topic(), info.partition()))
                .toList();
    }

    /** Where the reader begins. */
    private interface Start {
        void seek(Consumer<String, byte[]> consumer, List<TopicPartition> partitions);
    }

    private static TopicReader open(Cluster cluster, Collection<String> topics, Start start) {
        Consumer<String, byte[]> consumer = cluster.consumer();
        try {
            return new TopicReader(cluster, consumer, topics, start);
        } catch (KafkaException e) {
            consumer.close();
            throw unreadable(cluster, topics, e);
        } catch (RuntimeException e) {
            consumer.close();
            throw e;
        }
    }

    private static ClientException unreadable(Cluster cluster, Collection<String> topics, KafkaException cause) {
        return ClientException.of(
                "topic '" + String.join("', '", topics) + "' cannot be read at " + cluster.brokers(), cause);
    }

    /** Reads records that are written after this call returns. */
    static TopicReader fromNow(Cluster cluster, String... topics) {
        return open(cluster, List.of(topics), (consumer, partitions) -> {
            consumer.seekToEnd(partitions);
            partitions.forEach(consumer::position);
        });
    }

    /** Reads the topic from the start. */
    static TopicReader fromStart(Cluster cluster, String topic) {
        return open(cluster, List.of(topic), Consumer::seekToBeginning);
    }

    /** Reads the records whose timestamp is a time or later. */
    static TopicReader since(Cluster cluster, String topic, Instant time) {
        return open(cluster, List.of(topic), (consumer, partitions) -> {
            Map<TopicPartition, Long> times =
                    partitions.stream().collect(Collectors.toMap(each -> each, each -> time.toEpochMilli()));
            consumer.seekToEnd(partitions);
            consumer.offsetsForTimes(times).forEach((partition, found) -> {
                if (found != null) {
                    consumer.seek(partition, found.offset());
                }
            });
        });
    }

    /**
     * Leaves out all records that are committed by now.
     *
     * @throws ClientException if the end of the topic cannot be read
     */
    void skipToEnd() {
        try {
            consumer.seekToEnd(partitions);
            partitions.forEach(consumer::position);
        } catch (KafkaException e) {
            throw unreadable(cluster, topics(), e);
        }
    }

    /** The headers of a record by name, as text; of several headers with one name, the last one. */
    static Map<String, String> headers(ConsumerRecord<String, byte[]> record) {
        Map<String, String> headers = new HashMap<>();
        for (Header header : record.headers()) {
            if (header.value() != null) {
                headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
            }
        }
        return headers;
    }

    Iterable<ConsumerRecord<String, byte[]>> poll(Duration timeout) {
        return consumer.poll(timeout);
    }

    /**
     * Reads every record up to the current end offsets. The ends include records of open transactions, because the
     * committed offset of a group is visible before the records of the same transaction are. Transaction markers occupy
     * offsets, so the position of the consumer decides and not the last record.
     *
     * @throws ClientException when a topic cannot be read, or there is no progress for too long, such as at a
     *     transaction that stays open
     */
    void readToEnd(java.util.function.Consumer<ConsumerRecord<String, byte[]>> handler) {
        readToEnd(handler, TIMEOUT);
    }

    void readToEnd(java.util.function.Consumer<ConsumerRecord<String, byte[]>> handler, Duration timeout) {
        try {
            readAll(handler, timeout);
        } catch (KafkaException e) {
            throw unreadable(cluster, topics(), e);
        }
    }

    private List<String> topics() {
        return partitions.stream().map(TopicPartition::topic).distinct().toList();
    }

    private void readAll(java.util.function.Consumer<ConsumerRecord<String, byte[]>> handler, Duration timeout) {
        Map<TopicPartition, Long> ends = cluster.ends(partitions);
        Instant deadline = Instant.now().plus(timeout);
        long read = position();
        for (List<TopicPartition> left = unread(ends); !left.isEmpty(); left = unread(ends)) {
            if (Instant.now().isAfter(deadline)) {
                throw new ClientException.Failed(left.get(0) + " could not be read to offset " + ends.get(left.get(0))
                        + ": no record was read within " + timeout.toSeconds()
                        + " s; another client may have an open transaction on it");
            }
            consumer.poll(POLL).forEach(handler);
            long before = read;
            read = position();
            deadline = read == before ? deadline : Instant.now().plus(timeout);
        }
    }

    /** Grows with each record, those of aborted transactions included. */
    private long position() {
        return partitions.stream().mapToLong(consumer::position).sum();
    }

    private List<TopicPartition> unread(Map<TopicPartition, Long> ends) {
        return partitions.stream()
                .filter(partition -> consumer.position(partition) < ends.get(partition))
                .toList();
    }

    @Override
    public void close() {
        consumer.close();
    }
}
