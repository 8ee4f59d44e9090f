package io.tidemark.client;

import io.tidemark.time.Time;
import io.tidemark.topic.TopicReader;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.BufferExhaustedException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * The address of a Kafka cluster; creates clients for it, which the caller closes.
 *
 * @param brokers    {@code bootstrap.servers}, {@code HOST:PORT} with commas between
 * @param properties further client properties, such as those of SASL
 */
public record Cluster(String brokers, Map<String, String> properties) {

    /** How long a read may stall: longer than the broker takes to abort a killed calibrator's transaction. */
    static final Duration READ_PAUSE = Duration.ofSeconds(30);

    /** The largest record that a producer takes. */
    static final int MAX_REQUEST_BYTES = 5 << 20;

    /** More than a request to a broker may take. */
    private static final Duration SHORTEST_DELIVERY = Duration.ofSeconds(10);

    public Cluster {
        properties = Map.copyOf(properties);
    }

    public Cluster(String brokers) {
        this(brokers, Map.of());
    }

    /** The same cluster, whose admin clients and consumers give up a call after a time. */
    Cluster withCallTimeout(Duration timeout) {
        Map<String, String> limited = new HashMap<>(properties);
        String millis = String.valueOf(timeout.toMillis());
        limited.put("default.api.timeout.ms", millis);
        limited.put("request.timeout.ms", millis);
        return new Cluster(brokers, limited);
    }

    /**
     * Checks that topics exist.
     *
     * @throws ClientException when no broker answers within 10 seconds, the credentials are wrong, or a topic is
     *     missing
     */
    public void requireTopics(String... names) {
        Set<String> missing = new TreeSet<>(Set.of(names));
        missing.removeAll(topicNames());
        if (!missing.isEmpty()) {
            throw new ClientException.Failed("topic " + String.join(", ", missing) + " does not exist at " + brokers
                    + ", or this principal has no right on it; 'tidemark serve' and 'tidemark broker' create the"
                    + " topics");
        }
    }

    private String noBroker() {
        return "no Kafka broker answers at " + brokers + "; start one with 'tidemark broker', or check the address";
    }

    /** Why records wait for the cluster, and what to do, from the last failure of a thread that tried. */
    String unreachable(Optional<KafkaException> stalled) {
        for (Throwable cause = stalled.orElse(null); cause != null; cause = cause.getCause()) {
            if (cause instanceof BufferExhaustedException) {
                return "the producer's buffer is full, because the broker at " + brokers
                        + " does not acknowledge its records";
            }
            if (cause instanceof UnknownTopicOrPartitionException) {
                return "at " + brokers + ", " + cause.getMessage();
            }
        }
        return noBroker();
    }

    /**
     * Returns the names of all topics that this client may see, sorted.
     *
     * @throws ClientException when no broker answers within 10 seconds, or the credentials are wrong
     */
    public List<String> topicNames() {
        try (Admin admin = admin()) {
            return admin.listTopics().names().get().stream().sorted().toList();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof AuthenticationException || e.getCause() instanceof AuthorizationException) {
                throw ClientException.of("the topics at " + brokers + " cannot be listed", e.getCause());
            }
            throw new ClientException.Failed(noBroker(), e);
        } catch (InterruptedException e) {
            throw ClientException.interrupted(e);
        }
    }

    /**
     * Passes the records of a topic up to its current end, and waits until all open transactions before it have ended.
     *
     * @param since the time of the first record; empty for all
     * @throws ClientException if the topic cannot be read, such as at a transaction that stays open
     */
    void read(
            String topic,
            Optional<Instant> since,
            java.util.function.Consumer<ConsumerRecord<String, byte[]>> handler) {
        try (TopicReader<String> reader = reader()) {
            since.ifPresentOrElse(time -> reader.addSince(topic, time), () -> reader.addFromBeginning(topic));
            readToEnd(reader, handler, READ_PAUSE);
        } catch (KafkaException e) {
            throw ClientException.of("topic '" + topic + "' cannot be read at " + brokers, e);
        }
    }

    /**
     * Writes a record and waits for the acknowledgement of all replicas.
     *
     * @return the offset of the record
     * @throws ClientException if the broker does not acknowledge it
     */
    long write(ProducerRecord<String, byte[]> record) {
        Producer<String, byte[]> producer = producer();
        try {
            return producer.send(record).get().offset();
        } catch (ExecutionException e) {
            throw unacknowledged(e.getCause());
        } catch (InterruptedException e) {
            throw ClientException.interrupted(e);
        } finally {
            // an interrupted thread could not wait
            producer.close(Duration.ZERO);
        }
    }

    /** The failure of a write: after one that the producer repeats, an attempt may have written the record. */
    static ClientException unacknowledged(Throwable failure) {
        return ClientException.of(
                failure instanceof RetriableException
                        ? "the broker did not acknowledge the record, which may be written all the same"
                        : "the record was not written",
                failure);
    }

    /** @throws KafkaException if there is no progress for longer than {@code pause}, or the topic cannot be read */
    void readToEnd(
            TopicReader<String> reader,
            java.util.function.Consumer<ConsumerRecord<String, byte[]>> handler,
            Duration pause) {
        try (Admin admin = admin()) {
            reader.readToHighWatermark(admin, handler, pause);
        }
    }

    /** Creates a reader of committed records without a topic, with exceptions of Kafka. */
    TopicReader<String> reader() {
        return new TopicReader<>(consumer(), Time.system(), Duration.ZERO);
    }

    /**
     * Creates an admin client.
     *
     * @throws ClientException when the properties are not those of a Kafka client, such as an unknown trust store
     */
    public Admin admin() {
        return create(() -> Admin.create(settings()));
    }

    /** Creates an idempotent producer with {@code acks=all} and the request size limit of the topics. */
    public Producer<String, byte[]> producer() {
        return producer(settings(), Duration.ofSeconds(10));
    }

    /**
     * A producer that waits for the metadata of a topic or for its buffer no longer than a second, so that its caller
     * can do something else, and sends what it has taken for as long as a request may take.
     */
    Producer<String, byte[]> patientProducer(Duration longest) {
        Properties all = settings();
        if (!all.containsKey("linger.ms") && !properties.containsKey("request.timeout.ms")) {
            long millis = Math.max(SHORTEST_DELIVERY.toMillis(), TimeUnit.NANOSECONDS.toMillis(Limits.nanos(longest)));
            all.putIfAbsent("delivery.timeout.ms", String.valueOf(Math.min(Integer.MAX_VALUE, millis)));
        }
        return producer(all, Duration.ofSeconds(1));
    }

    private Producer<String, byte[]> producer(Properties all, Duration maxBlock) {
        all.put("acks", "all");
        all.put("enable.idempotence", "true");
        all.remove("transactional.id");
        all.put("max.block.ms", String.valueOf(maxBlock.toMillis()));
        all.put("max.request.size", MAX_REQUEST_BYTES);
        return create(() -> new KafkaProducer<>(all, new StringSerializer(), new ByteArraySerializer()));
    }

    /** Creates a consumer without a group that reads committed records only. */
    public Consumer<String, byte[]> consumer() {
        Properties all = consumerSettings();
        return create(() -> new KafkaConsumer<>(all, new StringDeserializer(), new ByteArrayDeserializer()));
    }

    /** A reader of results, whose keys need not be text. */
    TopicReader<byte[]> resultReader() {
        Properties all = consumerSettings();
        return new TopicReader<>(
                create(() -> new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer())),
                Time.system(),
                Duration.ZERO);
    }

    private Properties consumerSettings() {
        Properties all = settings();
        all.remove("group.id");
        all.put("isolation.level", "read_committed");
        all.put("enable.auto.commit", "false");
        // the broker would give a topic its default number of partitions
        all.put("allow.auto.create.topics", "false");
        all.put("auto.offset.reset", "earliest");
        all.put("fetch.max.wait.ms", "100");
        return all;
    }

    /** The brokers only, because the properties may be credentials. */
    @Override
    public String toString() {
        return "Cluster[brokers=" + brokers + "]";
    }

    private Properties settings() {
        Properties all = new Properties();
        all.putAll(properties);
        all.put("bootstrap.servers", brokers);
        all.putIfAbsent("default.api.timeout.ms", "10000");
        all.putIfAbsent("request.timeout.ms", "5000");
        return all;
    }

    private <T> T create(Supplier<T> client) {
        try {
            return client.get();
        } catch (KafkaException e) {
            throw new ClientException.Failed(
                    "the Kafka client for '" + brokers + "' cannot be created: " + messages(e), e);
        }
    }

    /** The messages of a failure and of its causes: often only an inner one names the property that is wrong. */
    private static String messages(Throwable failure) {
        List<String> messages = new ArrayList<>();
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            String message = Objects.requireNonNullElse(
                    cause.getMessage(), cause.getClass().getSimpleName());
            if (messages.stream().noneMatch(outer -> outer.contains(message))) {
                messages.add(message);
            }
        }
        return String.join(": ", messages);
    }
}
