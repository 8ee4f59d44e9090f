package io.tidemark.stream.topics;

import io.tidemark.time.Time;
import io.tidemark.topic.TopicReader;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Executor;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.IsolationLevel;

/**
 * What a service that uses Kafka clients on one thread takes from outside. A test replaces all of it.
 *
 * @param kafka  creates the clients
 * @param time   the clock of the service and all its waits that are not waits for a broker
 * @param thread runs the service: one task, which ends when the service is closed
 */
public record KafkaThread(KafkaClients kafka, Time time, Executor thread) {

    /** A new daemon thread with a name, and the time of the machine. */
    public static KafkaThread named(String name, KafkaClients kafka) {
        return new KafkaThread(kafka, Time.system(), task -> {
            Thread thread = new Thread(task, name);
            thread.setDaemon(true);
            thread.start();
        });
    }

    /**
     * Creates a reader of a whole topic, which the caller adds to it. It waits at most 30 s for a new topic and for
     * answers of the brokers.
     *
     * @param topic         the topic, which the id of the consumer names
     * @param completeBytes most bytes of a value that is read completely; a longer value is cut, and
     *                      {@code serializedValueSize} of the record has its size
     */
    public TopicReader<byte[]> newTopicReader(String topic, IsolationLevel isolation, int completeBytes) {
        Duration wait = Duration.ofSeconds(30);
        // a few records of one poll: a compressed batch below 1 MiB can hold hundreds of records of 1 MiB
        ReadLimits limits = new ReadLimits(16, 1 << 20, completeBytes);
        Map<String, Object> config = new HashMap<>();
        config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, isolation.toString().toLowerCase(Locale.ROOT));
        config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        config.put(ConsumerConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, Math.toIntExact(wait.toMillis()));
        config.put(ConsumerConfig.CLIENT_ID_CONFIG, "tidemark-table-" + topic + "-" + UUID.randomUUID());
        return new TopicReader<>(kafka.newConsumer(limits, config), time, wait);
    }
}
