package io.tidemark.stream.clients;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * How to reach the cluster, as every client of ours is told: all properties under {@code kafka.}, such as
 * {@code kafka.bootstrap.servers} and what security wants.
 */
public record KafkaSettings(Map<String, Object> connection) {

    /** The largest record that a producer of ours sends: a dead letter or a result with many log-probabilities. */
    public static final int MAX_REQUEST_BYTES = 5 * 1024 * 1024;

    public KafkaSettings {
        connection = Map.copyOf(connection);
    }

    /** An idempotent producer that waits for all replicas, with {@code extra} on top. */
    public KafkaProducer<byte[], byte[]> newProducer(Map<String, Object> extra) {
        Map<String, Object> config = new HashMap<>(connection);
        config.put(ProducerConfig.ACKS_CONFIG, "all");
        config.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, "true");
        config.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, MAX_REQUEST_BYTES);
        config.put(ProducerConfig.LINGER_MS_CONFIG, 2);
        config.putAll(extra);
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }
}
