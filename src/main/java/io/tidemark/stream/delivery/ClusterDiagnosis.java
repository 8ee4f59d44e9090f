package io.tidemark.stream.delivery;

import io.tidemark.stream.topics.KafkaClients;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/**
 * Asks the cluster, after a transaction has failed, what it knows about the cause. Each question has an admin client
 * of its own, because questions are rare. A question waits up to 5 s. If the cluster does not answer, the answer is
 * that no cause is known.
 *
 * <p>Used by the thread that runs transactions.
 */
final class ClusterDiagnosis {

    private static final int CALL_SECONDS = 5;

    /** The end of the transaction is decided, and not all partitions have its marker. */
    private static final Set<TransactionState> ENDING = Set.of(
            TransactionState.PREPARE_ABORT, TransactionState.PREPARE_COMMIT, TransactionState.PREPARE_EPOCH_FENCE);

    private final KafkaClients kafka;

    ClusterDiagnosis(KafkaClients kafka) {
        this.kafka = kafka;
    }

    /** Whether the end of the last transaction of an id is decided, and not all of its partitions have the marker. */
    boolean isEnding(String transactionalId) {
        try (Closing admin = new Closing(kafka.newAdmin())) {
            return ENDING.contains(await(admin.client
                            .describeTransactions(List.of(transactionalId))
                            .description(transactionalId))
                    .state());
        } catch (ExecutionException | TimeoutException | KafkaException e) {
            return false;
        }
    }

    /** Whether the cluster says that a topic does not exist. */
    boolean isMissing(String topic) {
        try (Closing admin = new Closing(kafka.newAdmin())) {
            await(admin.client.describeTopics(List.of(topic)).topicNameValues().get(topic));
            return false;
        } catch (ExecutionException e) {
            return e.getCause() instanceof UnknownTopicOrPartitionException;
        } catch (TimeoutException | KafkaException e) {
            return false;
        }
    }

    /**
     * Why records for these partitions of a topic can't be written, if the cluster says so. The topic or a partition
     * may not exist, or a partition has no leader or fewer replicas in sync than it needs.
     *
     * @param partitions without those that are not known
     */
    Optional<String> fault(String topic, Collection<Integer> partitions) {
        try (Closing admin = new Closing(kafka.newAdmin())) {
            TopicDescription description = await(admin.client
                    .describeTopics(List.of(topic))
                    .topicNameValues()
                    .get(topic));
            return fault(description, partitions, inSync(admin.client, topic));
        } catch (ExecutionException e) {
            return e.getCause() instanceof UnknownTopicOrPartitionException
                    ? Optional.of("it does not exist")
                    : Optional.empty();
        } catch (TimeoutException | KafkaException e) {
            return Optional.empty();
        }
    }

    /** @param needed the setting {@code min.insync.replicas}; brokers take at most the number of replicas */
    static Optional<String> fault(TopicDescription description, Collection<Integer> partitions, int needed) {
        int count = description.partitions().size();
        Optional<Integer> missing =
                partitions.stream().filter(number -> number >= count).findFirst();
        if (missing.isPresent()) {
            return Optional.of("it has no partition " + missing.get() + " any more, but " + count + " partitions");
        }
        for (TopicPartitionInfo partition : description.partitions()) {
            if (!partitions.isEmpty() && !partitions.contains(partition.partition())) {
                continue;
            }
            if (partition.leader() == null || partition.leader().isEmpty()) {
                return Optional.of("partition " + partition.partition() + " has no leader");
            }
            if (partition.isr().size() < Math.min(needed, partition.replicas().size())) {
                return Optional.of("partition " + partition.partition() + " has "
                        + partition.isr().size() + " replicas in sync, but min.insync.replicas is " + needed);
            }
        }
        return Optional.empty();
    }

    private static int inSync(Admin admin, String topic) throws TimeoutException {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        try {
            return Integer.parseInt(
                    await(admin.describeConfigs(List.of(resource)).values().get(resource))
                            .get(TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG)
                            .value());
        } catch (ExecutionException e) {
            // without the right to read configurations
            return 1;
        }
    }

    private static <T> T await(KafkaFuture<T> future) throws ExecutionException, TimeoutException {
        try {
            return future.get(CALL_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        }
    }

    /** Closes a client without a wait for its calls. */
    private record Closing(Admin client) implements AutoCloseable {
        @Override
        public void close() {
            client.close(Duration.ZERO);
        }
    }
}
