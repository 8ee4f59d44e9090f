package io.tidemark.stream.delivery;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.FenceProducersOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.WakeupException;
import org.jboss.logging.Logger;

/**
 * Reads the progress of partitions that are assigned to this worker, and ends open transactions of their last owners.
 * Otherwise the committed offset could not be read until the timeout of such a transaction, for up to 20 s.
 *
 * <p>Used by the thread that polls, also in rebalance callbacks. No method throws {@code WakeupException}: wakeups are
 * meant for the poll.
 */
final class PartitionTakeover {

    private static final Logger LOG = Logger.getLogger(PartitionTakeover.class);
    private static final long ADMIN_TIMEOUT_S = 30;
    /** Of a call that ends transactions. It fails if the end is decided and a partition does not take the marker. */
    private static final int FENCE_TIMEOUT_MS = 10_000;
    /** Time of one call of the consumer. */
    private static final Duration CALL = Duration.ofSeconds(5);
    /**
     * Age from which an open transaction counts as one of a dead worker: those of a live worker usually take
     * milliseconds.
     */
    private static final long LEFT_BEHIND_MS = 2_000;

    private final DeliveryOptions options;
    private final Consumer<byte[], byte[]> consumer;
    private final Admin admin;
    private final BooleanSupplier givesUp;

    /** @param givesUp true ends the wait for a broker that does not respond */
    PartitionTakeover(
            DeliveryOptions options, Consumer<byte[], byte[]> consumer, Admin admin, BooleanSupplier givesUp) {
        this.options = options;
        this.consumer = consumer;
        this.admin = admin;
        this.givesUp = givesUp;
    }

    /**
     * The progress of partitions that were assigned.
     *
     * @throws KafkaException if the cluster does not answer
     */
    List<PartitionProgress> of(Collection<TopicPartition> partitions) {
        // first the owners, without a wait for open transactions, in order to end these
        endTransactionsOf(lastCommits(partitions).entrySet().stream()
                .map(last -> CommitMetadata.of(last.getKey().toString(), last.getValue()))
                .filter(metadata -> metadata.hasOtherOwner(options.transactionalId()))
                .map(metadata -> metadata.owner().orElseThrow())
                .collect(Collectors.toSet()));
        Map<TopicPartition, OffsetAndMetadata> committed = committed(partitions);
        List<PartitionProgress> progress = new ArrayList<>();
        for (TopicPartition partition : partitions) {
            long offset = untilAnswered(() -> consumer.position(partition, CALL));
            CommitMetadata metadata = metadata(partition, offset, committed);
            progress.add(new PartitionProgress(
                    partition,
                    options.transactionalId(),
                    offset,
                    metadata.finished(),
                    crashes(partition, offset, metadata)));
        }
        return progress;
    }

    /** The metadata, which is relative to the committed offset: it is void if the log no longer has this offset. */
    private static CommitMetadata metadata(
            TopicPartition partition, long position, Map<TopicPartition, OffsetAndMetadata> committed) {
        OffsetAndMetadata offset = committed.get(partition);
        if (offset != null && offset.offset() != position) {
            LOG.warnf(
                    "partition %s is read from offset %d, not from the committed offset %d; requests may be answered again",
                    partition, position, offset.offset());
            return CommitMetadata.NONE;
        }
        return CommitMetadata.of(partition.toString(), offset);
    }

    private CrashHistory crashes(TopicPartition partition, long offset, CommitMetadata metadata) {
        if (!metadata.hasOtherOwner(options.transactionalId()) || metadata.idle()) {
            return metadata.crashes();
        }
        int unread = unread(partition, offset);
        if (unread == 0) {
            // without open requests, the death has another cause
            return metadata.crashes();
        }
        CrashHistory crashes = metadata.crashes()
                .afterDeath(offset, Math.max(1, unread - metadata.finished().cardinality()));
        if (crashes.isIsolating()) {
            LOG.warnf(
                    "workers have died without progress at %s-%d: the next %d requests of the partition run one at a time",
                    partition, offset, crashes.alone());
        }
        return crashes;
    }

    /** Requests from an offset to the end, at most those that a worker has open, which is also the answer in doubt. */
    private int unread(TopicPartition partition, long offset) {
        try {
            long end = consumer.endOffsets(Set.of(partition), CALL).get(partition);
            return (int) Math.min(options.maxRunning(), end - offset);
        } catch (TimeoutException | WakeupException e) {
            return options.maxRunning();
        }
    }

    /** The committed offsets, without the partitions that have none. Waits until no transaction on them is open. */
    Map<TopicPartition, OffsetAndMetadata> committed(Collection<TopicPartition> partitions) {
        Set<TopicPartition> all = new HashSet<>(partitions);
        Map<TopicPartition, OffsetAndMetadata> committed = new HashMap<>(untilAnswered(() -> {
            try {
                return consumer.committed(all, CALL);
            } catch (TimeoutException e) {
                // of an owner that has died in its first transaction, which no commit names
                endTransactionsOf(leftBehind());
                throw e;
            }
        }));
        committed.values().removeIf(Objects::isNull);
        return committed;
    }

    /** The committed offsets, without those of open transactions. */
    private Map<TopicPartition, OffsetAndMetadata> lastCommits(Collection<TopicPartition> partitions) {
        Map<TopicPartition, OffsetAndMetadata> commits = new HashMap<>(await(admin.listConsumerGroupOffsets(
                        Map.of(options.group(), new ListConsumerGroupOffsetsSpec().topicPartitions(partitions)))
                .partitionsToOffsetAndMetadata(options.group())));
        commits.values().removeIf(Objects::isNull);
        return commits;
    }

    /** The transactional ids of workers of the group whose transactions have been open for long. */
    private Set<String> leftBehind() {
        try {
            return await(admin.listTransactions(new ListTransactionsOptions()
                                    .filterStates(Set.of(TransactionState.ONGOING))
                                    .filterOnDuration(LEFT_BEHIND_MS))
                            .all())
                    .stream()
                    .map(TransactionListing::transactionalId)
                    .filter(id -> id.startsWith(options.group() + DeliveryOptions.SEPARATOR)
                            && !DeliveryOptions.isOf(options.transactionalId(), id))
                    .collect(Collectors.toSet());
        } catch (KafkaException e) {
            LOG.warnf("the open transactions can't be listed; their timeout ends them: %s", e.getMessage());
            return Set.of();
        }
    }

    private void endTransactionsOf(Set<String> owners) {
        if (owners.isEmpty()) {
            return;
        }
        LOG.infof("ends the transactions of %s, which did not give its partitions back", owners);
        try {
            await(admin.fenceProducers(owners, new FenceProducersOptions().timeoutMs(FENCE_TIMEOUT_MS))
                    .all());
        } catch (KafkaException e) {
            LOG.warnf("the transactions of %s can't be ended; their timeout ends them: %s", owners, e.getMessage());
        }
    }

    /** Repeats a call that has timed out, or that a wakeup, meant for the poll around it, has ended. */
    private <T> T untilAnswered(Supplier<T> call) {
        while (true) {
            try {
                return call.get();
            } catch (WakeupException e) {
                LOG.trace("a call was woken up and is repeated");
            } catch (TimeoutException e) {
                if (givesUp.getAsBoolean()) {
                    throw e;
                }
                LOG.warnf("a call is repeated: %s", e.getMessage());
            }
        }
    }

    private <T> T await(KafkaFuture<T> future) {
        for (int seconds = 1; ; seconds++) {
            try {
                return future.get(1, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                throw new InterruptException(e);
            } catch (ExecutionException e) {
                throw e.getCause() instanceof KafkaException kafkaFailure
                        ? kafkaFailure
                        : new KafkaException(e.getCause());
            } catch (java.util.concurrent.TimeoutException e) {
                if (seconds >= ADMIN_TIMEOUT_S || givesUp.getAsBoolean()) {
                    throw new KafkaException("the cluster did not answer within " + seconds + " s", e);
                }
            }
        }
    }
}
