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
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jboss.logging.Logger;

/** Creates missing topics and refuses to go on with topics that would lose or keep the wrong records. */
public final class TopicSetup {

    private static final Logger LOG = Logger.getLogger(TopicSetup.class);
    private static final long TIMEOUT_S = 60;
    private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    private TopicSetup() {}

    /**
     * Returns when every topic of the layout exists with the right cleanup policy.
     *
     * @throws TopicsUnusable when a topic has another policy, or the cluster can't be reached within a minute
     */
    public static void ensure(Admin admin, TopicLayout layout) {
        try {
            create(admin, layout);
            check(admin, layout);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new TopicsUnusable("interrupted while creating topics", e);
        } catch (ExecutionException e) {
            throw new TopicsUnusable(
                    "could not create or read topics: " + e.getCause().getMessage(), e.getCause());
        } catch (TimeoutException e) {
            throw new TopicsUnusable("the Kafka cluster did not answer within " + TIMEOUT_S + " s", e);
        }
    }

    private static void create(Admin admin, TopicLayout layout)
            throws InterruptedException, ExecutionException, TimeoutException {
        Set<String> present = admin.listTopics().names().get(TIMEOUT_S, TimeUnit.SECONDS);
        List<TopicSpec> missing = layout.all().stream()
                .filter(topic -> !present.contains(topic.name()))
                .toList();
        Map<String, KafkaFuture<Void>> created = admin.createTopics(missing.stream()
                        .map(topic -> topic.toNewTopic(layout.replicationFactor()))
                        .toList())
                .values();
        for (Map.Entry<String, KafkaFuture<Void>> topic : created.entrySet()) {
            try {
                topic.getValue().get(TIMEOUT_S, TimeUnit.SECONDS);
                LOG.infof("created topic '%s'", topic.getKey());
            } catch (ExecutionException e) {
                // another process that starts at the same time was faster
                if (!(e.getCause() instanceof TopicExistsException)) {
                    throw e;
                }
            }
        }
    }

    private static void check(Admin admin, TopicLayout layout)
            throws InterruptedException, ExecutionException, TimeoutException {
        Map<ConfigResource, TopicSpec> wanted = new LinkedHashMap<>();
        layout.all().forEach(t -> wanted.put(new ConfigResource(ConfigResource.Type.TOPIC, t.name()), t));
        Map<ConfigResource, Config> found = describe(admin, wanted.keySet());
        List<String> wrong = new ArrayList<>();
        wanted.forEach((resource, topic) -> {
            ConfigEntry policy = found.get(resource).get(TopicConfig.CLEANUP_POLICY_CONFIG);
            Set<String> policies = new HashSet<>(List.of(policy.value().split(",")));
            if (!policies.equals(Set.of(topic.cleanupPolicy()))) {
                wrong.add("topic '" + topic.name() + "' has cleanup.policy '" + policy.value() + "' but needs '"
                        + topic.cleanupPolicy() + "'");
            }
        });
        if (!wrong.isEmpty()) {
            throw new TopicsUnusable(String.join("; ", wrong));
        }
    }

    /** A topic is created some moments before every broker knows it. */
    private static Map<ConfigResource, Config> describe(Admin admin, Set<ConfigResource> topics)
            throws InterruptedException, ExecutionException, TimeoutException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_S);
        while (true) {
            try {
                return admin.describeConfigs(topics).all().get(TIMEOUT_S, TimeUnit.SECONDS);
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof UnknownTopicOrPartitionException) || System.nanoTime() > deadline) {
                    throw e;
                }
                LockSupport.parkNanos(RETRY_NANOS);
            }
        }
    }
}
