package io.tidemark.stream.clients;

import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;

/** All partitions of a topic, for consumers that read it without a group. */
public final class Partitions {

    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(30);
    private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    private Partitions() {}

    /**
     * Waits for a topic that was created a moment ago and that the asked broker doesn't know yet.
     *
     * @throws KafkaException when it still isn't there after half a minute
     */
    public static List<TopicPartition> of(String topic, Consumer<?, ?> consumer) {
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (true) {
            List<PartitionInfo> partitions = consumer.partitionsFor(topic);
            if (partitions != null && !partitions.isEmpty()) {
                return partitions.stream()
                        .map(info -> new TopicPartition(topic, info.partition()))
                        .toList();
            }
            if (System.nanoTime() > deadline) {
                throw new KafkaException("topic '" + topic + "' is not known to the cluster");
            }
            LockSupport.parkNanos(RETRY_NANOS);
        }
    }
}
