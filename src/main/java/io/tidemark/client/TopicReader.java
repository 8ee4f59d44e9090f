package io.tidemark.client;

import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/** Reads all partitions of topics without a consumer group, from their ends onwards or from the start. */
final class TopicReader implements AutoCloseable {

    private static final Duration POLL = Duration.ofMillis(200);

    /** Longer than the time until the broker aborts the transaction of a calibrator that was killed. */
    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    private final Cluster cluster;
    private final Consumer<String, byte[]> consumer;
    private final List<TopicPartition> partitions;

    private TopicReader(Cluster cluster, Collection<String> topics) {
        this.cluster = cluster;
        this.consumer = cluster.consumer();
        this.partitions = topics.stream()
                .flatMap(topic -> consumer.partitionsFor(topic).stream())
                .map(info -> new TopicPartition(info.topic(), info.partition()))
                .toList();
        consumer.assign(partitions);
    }

    /** Reads records that are written after this call returns. */
    static TopicReader fromNow(Cluster cluster, String... topics) {
        TopicReader reader = new TopicReader(cluster, List.of(topics));
        reader.consumer.seekToEnd(reader.partitions);
        reader.partitions.forEach(reader.consumer::position);
        return reader;
    }

    /** Reads the topic from the start. */
    static TopicReader fromStart(Cluster cluster, String topic) {
        TopicReader reader = new TopicReader(cluster, List.of(topic));
        reader.consumer.seekToBeginning(reader.partitions);
        return reader;
    }

    /** Reads the records whose timestamp is a time or later. */
    static TopicReader since(Cluster cluster, String topic, Instant time) {
        TopicReader reader = new TopicReader(cluster, List.of(topic));
        Map<TopicPartition, Long> times =
                reader.partitions.stream().collect(Collectors.toMap(each -> each, each -> time.toEpochMilli()));
        reader.consumer.seekToEnd(reader.partitions);
        reader.consumer.offsetsForTimes(times).forEach((partition, found) -> {
            if (found != null) {
                reader.consumer.seek(partition, found.offset());
            }
        });
        return reader;
    }

    Iterable<ConsumerRecord<String, byte[]>> poll(Duration timeout) {
        return consumer.poll(timeout);
    }

    /**
     * Reads every record up to the current end offsets. The ends include records of open transactions, because the
     * committed offset of a group is visible before the records of the same transaction are. Transaction markers occupy
     * offsets, so the position of the consumer decides and not the last record.
     *
     * @throws ClientException when a transaction stays open for too long
     */
    void readToEnd(java.util.function.Consumer<ConsumerRecord<String, byte[]>> handler) {
        readToEnd(handler, TIMEOUT);
    }

    void readToEnd(java.util.function.Consumer<ConsumerRecord<String, byte[]>> handler, Duration timeout) {
        Map<TopicPartition, Long> ends = cluster.ends(partitions);
        Instant deadline = Instant.now().plus(timeout);
        for (List<TopicPartition> left = unread(ends); !left.isEmpty(); left = unread(ends)) {
            if (Instant.now().isAfter(deadline)) {
                throw new ClientException.Failed(left.get(0) + " could not be read to offset " + ends.get(left.get(0))
                        + " within " + timeout.toSeconds() + " s; another client may have an open transaction on it");
            }
            consumer.poll(POLL).forEach(handler);
        }
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
