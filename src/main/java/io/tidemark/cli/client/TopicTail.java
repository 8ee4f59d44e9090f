package io.tidemark.cli.client;

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.TopicPartition;

/** All partitions of some topics without a consumer group: from their ends onwards, or once from first to last. */
final class TopicTail implements AutoCloseable {

    private final Consumer<String, byte[]> consumer;
    private final List<TopicPartition> partitions;

    private TopicTail(Cluster cluster, Collection<String> topics) {
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

    /** Hands over every record up to the present ends. Transaction markers take offsets, so positions decide. */
    void readToEnd(java.util.function.Consumer<ConsumerRecord<String, byte[]>> reader) {
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
            ConsumerRecords<String, byte[]> records = consumer.poll(Duration.ofMillis(200));
            records.forEach(reader);
        }
    }

    @Override
    public void close() {
        consumer.close();
    }
}
