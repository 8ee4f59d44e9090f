package io.tidemark.stream.topics;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The connection to the Kafka cluster.
 *
 * @param properties client properties from all settings {@code kafka.*}, such as {@code bootstrap.servers}
 */
public record KafkaConnection(Map<String, Object> properties) {

    /** Maximum size of a produced record, in bytes: results with log-probabilities, and dead letters. */
    public static final int MAX_REQUEST_BYTES = 5 * 1024 * 1024;

    private static final long METADATA_TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(30);
    private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    public KafkaConnection {
        properties = Map.copyOf(properties);
    }

    /** Creates an idempotent producer with {@code acks=all}; {@code overrides} take precedence. */
    public KafkaProducer<byte[], byte[]> newProducer(Map<String, Object> overrides) {
        Map<String, Object> config = new HashMap<>(properties);
        config.put(ProducerConfig.ACKS_CONFIG, "all");
        config.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, "true");
        config.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, MAX_REQUEST_BYTES);
        config.put(ProducerConfig.LINGER_MS_CONFIG, 2);
        config.putAll(overrides);
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /**
     * Returns all partitions of a topic. Waits until the metadata of a new topic has reached the broker.
     *
     * @throws KafkaException when no metadata of the topic arrives within 30 seconds
     */
    public static List<TopicPartition> partitionsOf(String topic, Consumer<?, ?> consumer) {
        long deadline = System.nanoTime() + METADATA_TIMEOUT_NANOS;
        while (true) {
            List<PartitionInfo> partitions = consumer.partitionsFor(topic);
            if (partitions != null && !partitions.isEmpty()) {
                return partitions.stream()
                        .map(info -> new TopicPartition(topic, info.partition()))
                        .toList();
            }
            if (System.nanoTime() > deadline) {
                throw new KafkaException("topic '" + topic + "' does not exist");
            }
            LockSupport.parkNanos(RETRY_NANOS);
        }
    }
}
