package io.tidemark.stream.topics;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jboss.logging.Logger;

/** Creates missing topics and validates the cleanup policy and the partitions of existing ones. */
public final class TopicSetup {

    private static final Logger LOG = Logger.getLogger(TopicSetup.class);
    private static final long TIMEOUT_S = 60;
    private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    private TopicSetup() {}

    /**
     * Returns when every topic of the layout exists with the required cleanup policy, and the tables have one partition.
     *
     * @throws IllegalStateException when a topic has another policy or a table several partitions, or the cluster does not answer within a minute
     */
    public static void ensure(Admin admin, TopicLayout layout) {
        try {
            create(admin, layout);
            check(admin, layout);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while creating topics", e);
        } catch (ExecutionException e) {
            throw new IllegalStateException(
                    "could not create or describe topics: " + e.getCause().getMessage(), e.getCause());
        } catch (TimeoutException e) {
            throw new IllegalStateException("the Kafka cluster did not answer within " + TIMEOUT_S + " s", e);
        }
    }

    private static void create(Admin admin, TopicLayout layout)
            throws InterruptedException, ExecutionException, TimeoutException {
        Set<String> existing = admin.listTopics().names().get(TIMEOUT_S, TimeUnit.SECONDS);
        List<NewTopic> missing = layout.newTopics().stream()
                .filter(topic -> !existing.contains(topic.name()))
                .toList();
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

    private static void check(Admin admin, TopicLayout layout)
            throws InterruptedException, ExecutionException, TimeoutException {
        Map<ConfigResource, String> required = new LinkedHashMap<>();
        layout.newTopics()
                .forEach(topic -> required.put(
                        new ConfigResource(ConfigResource.Type.TOPIC, topic.name()),
                        topic.configs().get(TopicConfig.CLEANUP_POLICY_CONFIG)));
        Map<ConfigResource, Config> found =
                described(() -> admin.describeConfigs(required.keySet()).all());
        List<String> wrong = new ArrayList<>();
        required.forEach((topic, policy) -> {
            String value =
                    found.get(topic).get(TopicConfig.CLEANUP_POLICY_CONFIG).value();
            if (!new HashSet<>(List.of(value.split(","))).equals(Set.of(policy))) {
                wrong.add("topic '" + topic.name() + "' has cleanup.policy '" + value + "' but needs '" + policy + "'");
            }
        });
        List<String> tables = List.of(layout.boundaries(), layout.calibrationState());
        described(() -> admin.describeTopics(tables).allTopicNames()).forEach((topic, description) -> {
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

    /** Retries until the metadata of new topics has reached all brokers. */
    private static <T> T described(Supplier<KafkaFuture<T>> description)
            throws InterruptedException, ExecutionException, TimeoutException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_S);
        while (true) {
            try {
                return description.get().get(TIMEOUT_S, TimeUnit.SECONDS);
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof UnknownTopicOrPartitionException) || System.nanoTime() > deadline) {
                    throw e;
                }
                LockSupport.parkNanos(RETRY_NANOS);
            }
        }
    }
}
