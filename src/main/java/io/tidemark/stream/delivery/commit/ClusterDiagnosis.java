package io.tidemark.stream.delivery.commit;

import io.tidemark.stream.topics.KafkaClients;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
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
 * of its own, because questions are rare, and gets no answer after 5 s. Then no cause is known.
 *
 * <p>Used by the thread that runs transactions.
 */
final class ClusterDiagnosis implements TransactionRepair.TopicFaults {

    /** How long a question may take. */
    private static final Duration LIMIT = Duration.ofSeconds(5);
    /** How long an end may lack its marker until the transaction is stuck. Markers usually take milliseconds. */
    private static final Duration MARKER_LIMIT = Duration.ofMillis(1200);

    private static final Duration MARKER_WAIT = Duration.ofMillis(200);

    /** The end of the transaction is decided, and not all partitions have its marker. */
    private static final Set<TransactionState> ENDING = Set.of(
            TransactionState.PREPARE_ABORT, TransactionState.PREPARE_COMMIT, TransactionState.PREPARE_EPOCH_FENCE);

    private final KafkaClients kafka;
    private final Time time;

    /** @param time waits between two looks at a transaction */
    ClusterDiagnosis(KafkaClients kafka, Time time) {
        this.kafka = kafka;
        this.time = time;
    }

    /**
     * Whether the last transaction of an id can't be ended: its end is decided, and a partition does not take the
     * marker for more than a second.
     */
    boolean isStuck(String transactionalId) {
        Deadline deadline = new Deadline(time);
        try (Closing admin = new Closing(kafka.newAdmin())) {
            OptionalLong endingNanos = OptionalLong.empty();
            while (isEnding(admin.client, transactionalId, deadline)) {
                if (endingNanos.isEmpty()) {
                    endingNanos = OptionalLong.of(time.nanoTime());
                } else if (time.nanosSince(endingNanos.getAsLong()) >= MARKER_LIMIT.toNanos()) {
                    return true;
                }
                time.sleep(MARKER_WAIT);
            }
            return false;
        } catch (ExecutionException | TimeoutException | KafkaException e) {
            return false;
        }
    }

    private static boolean isEnding(Admin admin, String transactionalId, Deadline deadline)
            throws ExecutionException, TimeoutException {
        return ENDING.contains(deadline.await(
                        admin.describeTransactions(List.of(transactionalId)).description(transactionalId))
                .state());
    }

    @Override
    public boolean isMissing(String topic) {
        Deadline deadline = new Deadline(time);
        try (Closing admin = new Closing(kafka.newAdmin())) {
            deadline.await(admin.client
                    .describeTopics(List.of(topic))
                    .topicNameValues()
                    .get(topic));
            return false;
        } catch (ExecutionException e) {
            return e.getCause() instanceof UnknownTopicOrPartitionException;
        } catch (TimeoutException | KafkaException e) {
            return false;
        }
    }

    /**
     * {@inheritDoc} The topic or a partition may not exist, or a partition has no leader or fewer replicas in sync than
     * it needs.
     */
    @Override
    public Optional<String> fault(String topic, Collection<Integer> partitions) {
        Deadline deadline = new Deadline(time);
        try (Closing admin = new Closing(kafka.newAdmin())) {
            TopicDescription description = deadline.await(admin.client
                    .describeTopics(List.of(topic))
                    .topicNameValues()
                    .get(topic));
            return fault(description, partitions, inSync(admin.client, topic, deadline));
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

    private static int inSync(Admin admin, String topic, Deadline deadline) throws TimeoutException {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        try {
            return Integer.parseInt(deadline.await(
                            admin.describeConfigs(List.of(resource)).values().get(resource))
                    .get(TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG)
                    .value());
        } catch (ExecutionException e) {
            // without the right to read configurations
            return 1;
        }
    }

    /** The end of the time of a question. */
    private static final class Deadline {

        private final Time time;
        private final long startNanos;

        private Deadline(Time time) {
            this.time = time;
            this.startNanos = time.nanoTime();
        }

        private <T> T await(KafkaFuture<T> future) throws ExecutionException, TimeoutException {
            long left = LIMIT.toNanos() - time.nanosSince(startNanos);
            if (left <= 0) {
                throw new TimeoutException("the cluster has not answered within " + LIMIT.toSeconds() + " s");
            }
            try {
                return future.get(left, TimeUnit.NANOSECONDS);
            } catch (InterruptedException e) {
                throw new InterruptException(e);
            }
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
