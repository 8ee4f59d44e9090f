package io.tidemark.client;

import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/** All partitions of some topics without a consumer group: from their ends onwards, or once from first to last. */
final class TopicTail implements AutoCloseable {

    private static final Duration POLL = Duration.ofMillis(200);

    /** Above what a dead calibrator's transaction takes to be aborted: its timeout, and the broker's look at timeouts. */
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final Cluster cluster;
    private final Consumer<String, byte[]> consumer;
    private final List<TopicPartition> partitions;

    private TopicTail(Cluster cluster, Collection<String> topics) {
        this.cluster = cluster;
        this.consumer = cluster.consumer();
        this.partitions = topics.stream()
                .flatMap(topic -> consumer.partitionsFor(topic).stream())
                .map(info -> new TopicPartition(info.topic(), info.partition()))
                .toList();
        consumer.assign(partitions);
    }

    /** What is written from now on: the ends are asked for before this returns. */
    static TopicTail fromNow(Cluster cluster, String... topics) {
        TopicTail tail = new TopicTail(cluster, List.of(topics));
        tail.consumer.seekToEnd(tail.partitions);
        tail.partitions.forEach(tail.consumer::position);
        return tail;
    }

    /** What the topic holds, up to the ends that it has now. */
    static TopicTail fromStart(Cluster cluster, String topic) {
        TopicTail tail = new TopicTail(cluster, List.of(topic));
        tail.consumer.seekToBeginning(tail.partitions);
        return tail;
    }

    Iterable<ConsumerRecord<String, byte[]>> poll(Duration most) {
        return consumer.poll(most);
    }

    /**
     * Hands over every record up to the present ends, those of open transactions counted in: a group's committed offset
     * can be seen before the records of the same transaction can. Transaction markers take offsets, so positions decide.
     *
     * @throws ClientException when that took too long, as it does while a transaction stays open
     */
    void readToEnd(java.util.function.Consumer<ConsumerRecord<String, byte[]>> reader) {
        readToEnd(reader, PATIENCE);
    }

    void readToEnd(java.util.function.Consumer<ConsumerRecord<String, byte[]>> reader, Duration most) {
        Map<TopicPartition, Long> ends = cluster.ends(partitions);
        Instant deadline = Instant.now().plus(most);
        for (List<TopicPartition> left = before(ends); !left.isEmpty(); left = before(ends)) {
            if (Instant.now().isAfter(deadline)) {
                throw new ClientException(left.get(0) + " could not be read to offset " + ends.get(left.get(0))
                        + " within " + most.toSeconds() + " s; does another client hold a transaction open on it?");
            }
            consumer.poll(POLL).forEach(reader);
        }
    }

    private List<TopicPartition> before(Map<TopicPartition, Long> ends) {
        return partitions.stream()
                .filter(partition -> consumer.position(partition) < ends.get(partition))
                .toList();
    }

    @Override
    public void close() {
        consumer.close();
    }
}
