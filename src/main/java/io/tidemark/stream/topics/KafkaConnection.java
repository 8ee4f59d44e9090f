package io.tidemark.stream.topics;

import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.SslAuthenticationException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The connection to the Kafka cluster. Creates all clients of a process, so that a property that is given for all
 * clients can't break one of them: what a client needs for its purpose is fixed here or given by its owner, and is not
 * inherited.
 *
 * @param properties client properties from all settings {@code kafka.*}, such as {@code bootstrap.servers}; may contain
 *                   credentials
 */
public record KafkaConnection(Map<String, Object> properties) implements KafkaClients {

    /** The maximum size of a produced record, in bytes: results with log-probabilities, and dead letters. */
    public static final int MAX_REQUEST_BYTES = 5 * 1024 * 1024;

    /**
     * The properties that no client inherits: identities of a single client, what delivery depends on, classes that
     * suit one kind of client only, and what the protocol of consumer groups or idempotence excludes.
     */
    private static final Set<String> NOT_INHERITED = Set.of(
            CommonClientConfigs.CLIENT_ID_CONFIG,
            ConsumerConfig.GROUP_ID_CONFIG,
            ConsumerConfig.GROUP_INSTANCE_ID_CONFIG,
            ConsumerConfig.GROUP_PROTOCOL_CONFIG,
            ConsumerConfig.GROUP_REMOTE_ASSIGNOR_CONFIG,
            ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG,
            ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG,
            ConsumerConfig.AUTO_OFFSET_RESET_CONFIG,
            ConsumerConfig.ISOLATION_LEVEL_CONFIG,
            ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG,
            ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG,
            ConsumerConfig.INTERCEPTOR_CLASSES_CONFIG,
            ConsumerConfig.SHARE_ACKNOWLEDGEMENT_MODE_CONFIG,
            ProducerConfig.TRANSACTIONAL_ID_CONFIG,
            ProducerConfig.TRANSACTION_TIMEOUT_CONFIG,
            ProducerConfig.TRANSACTION_TWO_PHASE_COMMIT_ENABLE_CONFIG,
            ProducerConfig.ACKS_CONFIG,
            ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG,
            ProducerConfig.RETRIES_CONFIG,
            ProducerConfig.MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION,
            ProducerConfig.MAX_REQUEST_SIZE_CONFIG,
            ProducerConfig.PARTITIONER_CLASS_CONFIG,
            ProducerConfig.PARTITIONER_IGNORE_KEYS_CONFIG,
            ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG,
            ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG,
            AdminClientConfig.BOOTSTRAP_CONTROLLERS_CONFIG);

    /** How soon a group notices that a member is dead, if the properties do not say otherwise. */
    private static final Map<String, Object> DETECTION =
            Map.of(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, 8_000, ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, 2_000);

    /** The properties that a consumer sets unless they are smaller. */
    private static final List<String> FETCH_LIMITS =
            List.of(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG);

    public KafkaConnection {
        properties = Map.copyOf(properties);
    }

    /** The names of the given properties that no client inherits, sorted. */
    public SortedSet<String> notInherited() {
        SortedSet<String> names = new TreeSet<>(properties.keySet());
        names.retainAll(NOT_INHERITED);
        return names;
    }

    /**
     * Creates an idempotent producer with {@code acks=all} and without transactions; {@code overrides} take precedence.
     */
    public KafkaProducer<byte[], byte[]> newProducer(Map<String, Object> overrides) {
        Map<String, Object> config = producerProperties();
        config.putAll(overrides);
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    @Override
    public KafkaProducer<byte[], byte[]> newTransactionalProducer(
            String transactionalId, Map<String, Object> overrides) {
        Map<String, Object> config = new HashMap<>(overrides);
        config.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, transactionalId);
        return newProducer(config);
    }

    @Override
    public KafkaConsumer<byte[], byte[]> newConsumer(ReadLimits limits, Map<String, Object> overrides) {
        Map<String, Object> config = inherited();
        config.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, limits.pollRecords());
        for (String fetch : FETCH_LIMITS) {
            config.put(fetch, fetchBytes(fetch, limits));
        }
        config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
        config.putAll(overrides);
        return new KafkaConsumer<>(
                config, new ByteArrayDeserializer(), new KeptValueDeserializer(limits.completeBytes()));
    }

    /**
     * {@inheritDoc} If the properties set neither the session timeout nor the heartbeat interval, another member
     * usually gets the partitions of a killed one within 11 s.
     */
    @Override
    public KafkaConsumer<byte[], byte[]> newGroupMember(
            String group, String clientId, ReadLimits limits, String offsetReset) {
        Map<String, Object> config = new HashMap<>();
        if (Collections.disjoint(properties.keySet(), DETECTION.keySet())) {
            config.putAll(DETECTION);
        }
        config.put(ConsumerConfig.GROUP_ID_CONFIG, group);
        config.put(ConsumerConfig.CLIENT_ID_CONFIG, clientId);
        config.put(ConsumerConfig.GROUP_PROTOCOL_CONFIG, "classic");
        config.put(ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG, List.of(CooperativeStickyAssignor.class));
        config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, offsetReset);
        return newConsumer(limits, config);
    }

    /** The limit, or the property if it is smaller. */
    private int fetchBytes(String name, ReadLimits limits) {
        return property(name)
                .map(Integer::parseInt)
                .filter(bytes -> bytes < limits.fetchBytes())
                .orElse(limits.fetchBytes());
    }

    @Override
    public Admin newAdmin() {
        return Admin.create(inherited());
    }

    @Override
    public Optional<String> property(String name) {
        return Optional.ofNullable(properties.get(name)).map(String::valueOf);
    }

    /** The properties of an idempotent producer without an identity, for {@link #newProducer} and for SmallRye. */
    Map<String, Object> producerProperties() {
        Map<String, Object> config = inherited();
        config.put(ProducerConfig.ACKS_CONFIG, "all");
        config.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, "true");
        config.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, MAX_REQUEST_BYTES);
        config.put(ProducerConfig.LINGER_MS_CONFIG, 2);
        return config;
    }

    private Map<String, Object> inherited() {
        Map<String, Object> config = new HashMap<>(properties);
        config.keySet().removeAll(NOT_INHERITED);
        return config;
    }

    /** The brokers only, because other properties may be credentials. */
    @Override
    public String toString() {
        return "KafkaConnection[" + CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG + "="
                + properties.get(CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG) + "]";
    }

    /** What went wrong, for operators: errors of authorization and authentication say what to grant or to set. */
    public static String reason(Throwable failure) {
        if (failure instanceof AuthorizationException) {
            return "not authorized: " + failure.getMessage()
                    + "; grant it to the principal of the settings kafka.* with kafka-acls.sh";
        }
        if (failure instanceof SslAuthenticationException) {
            return failure.getMessage() + ": "
                    + Optional.ofNullable(failure.getCause())
                            .map(Throwable::getMessage)
                            .orElse("the brokers ended it")
                    + "; check the port and the settings kafka.security.protocol and kafka.ssl.*";
        }
        if (failure instanceof AuthenticationException) {
            return "the brokers refuse the credentials: " + failure.getMessage()
                    + "; check the settings kafka.security.*, kafka.sasl.* and kafka.ssl.*";
        }
        return String.valueOf(failure.getMessage());
    }
}
