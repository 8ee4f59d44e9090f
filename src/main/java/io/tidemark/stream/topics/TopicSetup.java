package io.tidemark.stream.topics;

import io.tidemark.stream.settings.TidemarkSettings.Role;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jboss.logging.Logger;

/**
 * Creates the missing topics of a process, validates the cleanup policy and the partitions of existing ones, and
 * reports other settings of existing ones that differ from those of created ones.
 *
 * <p>Created topics with three or more replicas have {@code min.insync.replicas} 2: a record that was acknowledged
 * survives the loss of any one broker, and topics stay writable without any one of them.
 */
public final class TopicSetup {

    private static final Logger LOG = Logger.getLogger(TopicSetup.class);
    /** How long each call of the cluster may take, in seconds. */
    static final long TIMEOUT_S = 60;

    private static final Duration RETRY = Duration.ofMillis(50);
    private static final String DEFAULT_REPLICATION = "default.replication.factor";

    private final Admin admin;
    private final List<NewTopic> topics;
    private final int replicationFactor;
    private final boolean create;
    private final Time time;

    private TopicSetup(Admin admin, TopicLayout layout, Role role, boolean create, Time time) {
        this.admin = admin;
        this.topics = layout.newTopics(role);
        this.replicationFactor = layout.replicationFactor();
        this.create = create;
        this.time = time;
    }

    /**
     * Returns when every topic that a process of the role uses exists with the required cleanup policy, and its tables
     * have one partition. Logs a warning for each setting of an existing topic that limits what a process guarantees.
     * Asks the cluster for no other topic, so that the process needs no right on it.
     *
     * @param create whether missing topics are created
     * @param time   waits until the metadata of new topics has reached all brokers
     * @throws IllegalStateException when a topic is missing and not created, has another policy, or is a table with
     *                               several partitions, or when the cluster does not answer within a minute
     */
    public static void ensure(Admin admin, TopicLayout layout, Role role, boolean create, Time time) {
        differences(admin, layout, role, create, time).forEach(LOG::warn);
    }

    /** Returns the warnings that {@link #ensure} logs. */
    static List<String> differences(Admin admin, TopicLayout layout, Role role, boolean create, Time time) {
        TopicSetup setup = new TopicSetup(admin, layout, role, create, time);
        try {
            setup.requireTopics();
            Map<String, Config> found = setup.describeTopics();
            setup.requireLayout(found);
            return Stream.of(
                            setup.reported(
                                    found,
                                    TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG,
                                    "the clocks of clients decide when timeout_ms is over and which requests a"
                                            + " cancellation ends"),
                            setup.reported(
                                    found,
                                    TopicConfig.COMPRESSION_TYPE_CONFIG,
                                    "one compressed record of a client can exhaust the heap of every process that reads"
                                            + " it"))
                    .flatMap(List::stream)
                    .toList();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while creating topics", e);
        } catch (ExecutionException e) {
            throw new IllegalStateException(
                    "could not create or describe topics: " + KafkaConnection.reason(e.getCause()), e.getCause());
        } catch (TimeoutException e) {
            throw new IllegalStateException("the Kafka cluster did not answer within " + TIMEOUT_S + " s", e);
        }
    }

    private void requireTopics() throws InterruptedException, ExecutionException, TimeoutException {
        Set<String> existing = admin.listTopics().names().get(TIMEOUT_S, TimeUnit.SECONDS);
        List<NewTopic> missing = topics.stream()
                .filter(topic -> !existing.contains(topic.name()))
                .toList();
        if (missing.isEmpty()) {
            return;
        }
        if (!create) {
            throw new IllegalStateException("tidemark.topics.create is false, and the topics "
                    + missing.stream().map(topic -> "'" + topic.name() + "'").collect(Collectors.joining(", "))
                    + " do not exist or the process has no right to describe them");
        }
        create(missing);
    }

    private void create(List<NewTopic> missing) throws InterruptedException, ExecutionException, TimeoutException {
        minInsyncReplicas()
                .ifPresent(replicas -> missing.forEach(topic -> {
                    Map<String, String> configs = new HashMap<>(topic.configs());
                    configs.put(TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG, Integer.toString(replicas));
                    topic.configs(configs);
                }));
        Map<String, KafkaFuture<Void>> created = admin.createTopics(missing).values();
        for (Map.Entry<String, KafkaFuture<Void>> topic : created.entrySet()) {
            try {
                topic.getValue().get(TIMEOUT_S, TimeUnit.SECONDS);
                LOG.infof("created topic '%s'", topic.getKey());
            } catch (ExecutionException e) {
                // another process may create the same topics at the same time
                if (!(e.getCause() instanceof TopicExistsException)) {
                    throw e;
                }
            }
        }
    }

    /** The {@code min.insync.replicas} to set for new topics; empty for the default of the broker. */
    private OptionalInt minInsyncReplicas() throws InterruptedException, ExecutionException, TimeoutException {
        if (replicationFactor > 0 && replicationFactor < 3) {
            return OptionalInt.empty();
        }
        try {
            Config broker = describeBroker();
            return minInsyncReplicas(
                    replicationFactor > 0 ? replicationFactor : number(broker, DEFAULT_REPLICATION),
                    number(broker, TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG));
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof AuthorizationException)) {
                throw e;
            }
            LOG.warnf(
                    "the settings of the brokers can't be read (%s); new topics have the min.insync.replicas of the"
                            + " brokers, which should be 2 for topics with three replicas",
                    KafkaConnection.reason(e.getCause()));
            return OptionalInt.empty();
        }
    }

    /**
     * The {@code min.insync.replicas} to set for topics with a number of replicas.
     *
     * @param ofBroker the default of the broker, which is kept if it is 2 or more
     */
    static OptionalInt minInsyncReplicas(int replicas, int ofBroker) {
        return replicas >= 3 && ofBroker < 2 ? OptionalInt.of(2) : OptionalInt.empty();
    }

    private static int number(Config config, String name) {
        return Integer.parseInt(config.get(name).value());
    }

    private Config describeBroker() throws InterruptedException, ExecutionException, TimeoutException {
        String node = admin.describeCluster()
                .nodes()
                .get(TIMEOUT_S, TimeUnit.SECONDS)
                .iterator()
                .next()
                .idString();
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, node);
        return admin.describeConfigs(Set.of(broker))
                .all()
                .get(TIMEOUT_S, TimeUnit.SECONDS)
                .get(broker);
    }

    private void requireLayout(Map<String, Config> found)
            throws InterruptedException, ExecutionException, TimeoutException {
        List<String> wrong = new ArrayList<>();
        topics.forEach(topic -> {
            String policy = topic.configs().get(TopicConfig.CLEANUP_POLICY_CONFIG);
            String value = found.get(topic.name())
                    .get(TopicConfig.CLEANUP_POLICY_CONFIG)
                    .value();
            if (!new HashSet<>(List.of(value.split(","))).equals(Set.of(policy))) {
                wrong.add("topic '" + topic.name() + "' has cleanup.policy '" + value + "' but needs '" + policy + "'");
            }
        });
        List<String> tables = topics.stream()
                .filter(topic -> TopicConfig.CLEANUP_POLICY_COMPACT.equals(
                        topic.configs().get(TopicConfig.CLEANUP_POLICY_CONFIG)))
                .map(NewTopic::name)
                .toList();
        described(() -> admin.describeTopics(tables).allTopicNames(), time).forEach((topic, description) -> {
            int partitions = description.partitions().size();
            if (partitions != 1) {
                wrong.add(
                        "topic '" + topic + "' has " + partitions + " partitions but needs 1, because a key on several"
                                + " partitions has no last record; create the topic again with one partition");
            }
        });
        if (!wrong.isEmpty()) {
            throw new IllegalStateException(String.join("; ", wrong));
        }
    }

    /** Warnings about topics with another value of a setting than created ones have. */
    private List<String> reported(Map<String, Config> found, String setting, String effect) {
        List<String> warnings = new ArrayList<>();
        topics.forEach(topic -> {
            String wanted = topic.configs().get(setting);
            String value = found.get(topic.name()).get(setting).value();
            if (wanted != null && !wanted.equals(value)) {
                warnings.add(String.format(
                        "topic '%s' has %s '%s': %s; set '%s' with 'kafka-configs.sh --alter --entity-type topics"
                                + " --entity-name %s --add-config %s=%s', for the records that are written from then"
                                + " on",
                        topic.name(), setting, value, effect, wanted, topic.name(), setting, wanted));
            }
        });
        return warnings;
    }

    private Map<String, Config> describeTopics() throws InterruptedException, ExecutionException, TimeoutException {
        List<ConfigResource> resources = topics.stream()
                .map(topic -> new ConfigResource(ConfigResource.Type.TOPIC, topic.name()))
                .toList();
        return described(() -> admin.describeConfigs(resources).all(), time).entrySet().stream()
                .collect(Collectors.toMap(config -> config.getKey().name(), Map.Entry::getValue));
    }

    /**
     * Repeats a description until the metadata of new topics has reached all brokers.
     *
     * @throws ExecutionException if the description fails for another reason, or for this one after a minute
     */
    static <T> T described(Supplier<KafkaFuture<T>> description, Time time)
            throws InterruptedException, ExecutionException, TimeoutException {
        long start = time.nanoTime();
        while (true) {
            try {
                return description.get().get(TIMEOUT_S, TimeUnit.SECONDS);
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof UnknownTopicOrPartitionException)
                        || time.nanosSince(start) > TimeUnit.SECONDS.toNanos(TIMEOUT_S)) {
                    throw e;
                }
                time.sleep(RETRY);
            }
        }
    }
}
