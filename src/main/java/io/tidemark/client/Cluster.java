package io.tidemark.client;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * How to reach a Kafka cluster, and clients made for it. The caller closes what it is handed.
 *
 * @param brokers    {@code bootstrap.servers}, {@code HOST:PORT} with commas between
 * @param properties further client properties, such as those for SASL
 */
public record Cluster(String brokers, Map<String, String> properties) {

    private static final int MAX_REQUEST_BYTES = 5 << 20;

    public Cluster {
        properties = Map.copyOf(properties);
    }

    public Cluster(String brokers) {
        this(brokers, Map.of());
    }

    /** @throws ClientException when no broker answers within seconds, or one of the topics is missing */
    public void requireTopics(String... names) {
        Set<String> missing = new TreeSet<>(Set.of(names));
        missing.removeAll(topicNames());
        if (!missing.isEmpty()) {
            throw new ClientException("topic " + String.join(", ", missing) + " does not exist at " + brokers
                    + "; 'tidemark serve' and 'tidemark broker' create the topics");
        }
    }

    /**
     * The topics that clients may see, by name.
     *
     * @throws ClientException when no broker answers within seconds
     */
    public List<String> topicNames() {
        try (Admin admin = admin()) {
            return admin.listTopics().names().get().stream().sorted().toList();
        } catch (ExecutionException e) {
            throw new ClientException(
                    "no Kafka broker answers at " + brokers
                            + "; start one with 'tidemark broker', or name yours with --broker HOST:PORT",
                    e);
        } catch (InterruptedException e) {
            throw Interrupted.asFailure(e);
        }
    }

    /** The ends of partitions with open transactions counted in; a consumer of committed records is told earlier ones. */
    Map<TopicPartition, Long> ends(Collection<TopicPartition> partitions) {
        Map<TopicPartition, OffsetSpec> latest =
                partitions.stream().collect(Collectors.toMap(partition -> partition, partition -> OffsetSpec.latest()));
        try (Admin admin = admin()) {
            return admin.listOffsets(latest).all().get().entrySet().stream()
                    .collect(Collectors.toMap(
                            Map.Entry::getKey, end -> end.getValue().offset()));
        } catch (ExecutionException e) {
            throw new ClientException(
                    "the ends of " + partitions + " could not be read: "
                            + e.getCause().getMessage(),
                    e);
        } catch (InterruptedException e) {
            throw Interrupted.asFailure(e);
        }
    }

    /** A client for the caller to close. */
    public Admin admin() {
        return made(() -> Admin.create(common()));
    }

    /** A producer that waits for all replicas and takes requests as large as the topics do. */
    public Producer<String, byte[]> producer() {
        Properties all = common();
        all.put("acks", "all");
        all.put("max.block.ms", "10000");
        all.put("max.request.size", MAX_REQUEST_BYTES);
        return made(() -> new KafkaProducer<>(all, new StringSerializer(), new ByteArraySerializer()));
    }

    /** A consumer outside any group that sees committed records only. */
    public Consumer<String, byte[]> consumer() {
        Properties all = common();
        all.put("isolation.level", "read_committed");
        all.put("enable.auto.commit", "false");
        all.put("auto.offset.reset", "earliest");
        all.put("fetch.max.wait.ms", "100");
        return made(() -> new KafkaConsumer<>(all, new StringDeserializer(), new ByteArrayDeserializer()));
    }

    private Properties common() {
        Map<String, Object> all = new HashMap<>(properties);
        all.put("bootstrap.servers", brokers);
        all.putIfAbsent("default.api.timeout.ms", "10000");
        all.putIfAbsent("request.timeout.ms", "5000");
        Properties made = new Properties();
        made.putAll(all);
        return made;
    }

    private <T> T made(java.util.function.Supplier<T> client) {
        try {
            return client.get();
        } catch (ConfigException e) {
            throw new ClientException("no Kafka client can be made for '" + brokers + "': " + e.getMessage(), e);
        } catch (org.apache.kafka.common.KafkaException e) {
            throw new ClientException(
                    "no Kafka client can be made for '" + brokers + "': "
                            + (e.getCause() == null
                                    ? e.getMessage()
                                    : e.getCause().getMessage()),
                    e);
        }
    }
}
