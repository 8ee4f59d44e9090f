package io.tidemark.stream.topics;

import io.tidemark.stream.settings.TidemarkSettings.Role;
import io.tidemark.time.Time;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/**
 * The topics that results may go to, with their partitions as counted at the start. The results topic is always one
 * of them.
 *
 * <p>All topics are checked before the first request is read, because one record that the broker refuses makes
 * the transaction with all other results fail.
 */
public final class ReplyTopics {

    private final String results;
    private final Map<String, Integer> partitions;

    /**
     * @param results    the results topic
     * @param partitions the number of partitions of each topic, of {@code results}, too
     */
    public ReplyTopics(String results, Map<String, Integer> partitions) {
        if (!partitions.containsKey(results)) {
            throw new IllegalArgumentException("the partitions of topic '" + results + "' are missing");
        }
        this.results = results;
        this.partitions = Map.copyOf(partitions);
    }

    /**
     * Checks that each topic exists, accepts results of the largest size, is not compacted, and may be written to.
     *
     * @param layout the topics of this deployment, which exist
     * @param names  the setting {@code tidemark.replies.topics}
     * @param time   waits until the metadata of the results topic has reached all brokers
     * @throws IllegalStateException if a topic does not qualify, or the cluster does not answer within a minute; the
     *                               message names the topic
     */
    public static ReplyTopics check(Admin admin, TopicLayout layout, Collection<String> names, Time time) {
        Set<String> replies = new LinkedHashSet<>(names);
        replies.remove(layout.results());
        Set<String> own =
                layout.newTopics(Role.ALL).stream().map(NewTopic::name).collect(Collectors.toSet());
        for (String topic : replies) {
            require(!own.contains(topic), topic, "is a topic of Tidemark that takes no results");
        }
        try {
            Map<String, Integer> partitions = new LinkedHashMap<>();
            partitions.put(
                    layout.results(),
                    TopicSetup.described(() -> describe(admin, layout.results()), time)
                            .partitions()
                            .size());
            for (String topic : replies) {
                partitions.put(topic, checked(admin, topic));
            }
            return new ReplyTopics(layout.results(), partitions);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while checking the reply topics", e);
        } catch (ExecutionException e) {
            throw new IllegalStateException(
                    "could not describe topic '" + layout.results() + "': "
                            + e.getCause().getMessage(),
                    e.getCause());
        } catch (TimeoutException e) {
            throw new IllegalStateException(
                    "could not check the reply topics " + replies + ": the Kafka cluster did not answer within "
                            + TopicSetup.TIMEOUT_S + " s",
                    e);
        }
    }

    /** The results topic without a reply header. */
    public String results() {
        return results;
    }

    /** The number of partitions of a topic; empty if results may not go to it. */
    public OptionalInt partitions(String topic) {
        Integer count = partitions.get(topic);
        return count == null ? OptionalInt.empty() : OptionalInt.of(count);
    }

    private static int checked(Admin admin, String topic) throws InterruptedException, TimeoutException {
        try {
            TopicDescription description = describe(admin, topic).get(TopicSetup.TIMEOUT_S, TimeUnit.SECONDS);
            Set<AclOperation> operations = description.authorizedOperations();
            require(
                    operations == null || operations.contains(AclOperation.WRITE),
                    topic,
                    "may not be written to; grant WRITE on it");
            ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
            Config config = admin.describeConfigs(List.of(resource))
                    .values()
                    .get(resource)
                    .get(TopicSetup.TIMEOUT_S, TimeUnit.SECONDS);
            String policy = config.get(TopicConfig.CLEANUP_POLICY_CONFIG).value();
            require(
                    policy.equals(TopicConfig.CLEANUP_POLICY_DELETE),
                    topic,
                    "has cleanup.policy '" + policy + "' but needs 'delete'");
            long accepted = Long.parseLong(
                    config.get(TopicConfig.MAX_MESSAGE_BYTES_CONFIG).value());
            require(
                    accepted >= KafkaConnection.MAX_REQUEST_BYTES,
                    topic,
                    "has max.message.bytes " + accepted + " but needs " + KafkaConnection.MAX_REQUEST_BYTES
                            + " or more");
            return description.partitions().size();
        } catch (ExecutionException e) {
            boolean missing = e.getCause() instanceof UnknownTopicOrPartitionException;
            throw refused(
                    topic,
                    missing
                            ? "does not exist; create it with max.message.bytes=" + KafkaConnection.MAX_REQUEST_BYTES
                            : "can't be described: " + e.getCause().getMessage());
        }
    }

    private static KafkaFuture<TopicDescription> describe(Admin admin, String topic) {
        return admin.describeTopics(List.of(topic), new DescribeTopicsOptions().includeAuthorizedOperations(true))
                .topicNameValues()
                .get(topic);
    }

    private static void require(boolean valid, String topic, String problem) {
        if (!valid) {
            throw refused(topic, problem);
        }
    }

    private static IllegalStateException refused(String topic, String problem) {
        return new IllegalStateException("tidemark.replies.topics: topic '" + topic + "' " + problem);
    }
}
