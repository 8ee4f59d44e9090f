package io.tidemark.stream.delivery.partition;

import io.tidemark.stream.delivery.partition.PartitionLogs.PartitionLog;
import io.tidemark.stream.topics.TransactionalId;
import io.tidemark.text.LogText;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
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
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
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
public final class PartitionTakeover {

    private static final Logger LOG = Logger.getLogger(PartitionTakeover.class);
    private static final long ADMIN_TIMEOUT_S = 30;
    /** How long a call that ends transactions takes at most. It fails if a partition refuses the marker of the end. */
    private static final int FENCE_TIMEOUT_MS = 10_000;
    /** How long one call of the consumer may take. */
    private static final Duration CALL = Duration.ofSeconds(5);
    /**
     * The age from which the open transaction of a worker that is not in the group counts as left behind: a worker
     * that has just left the group ends its last one itself.
     */
    private static final long LEFT_BEHIND_MS = 2_000;

    private final TransactionalId process;
    private final int maxRunning;
    private final Consumer<byte[], byte[]> consumer;
    private final Admin admin;
    private final PartitionLogs logs;
    private final ReadPositions positions;
    private final BooleanSupplier givesUp;

    /**
     * @param maxRunning requests that the last owner of a partition may have been running, at most
     * @param givesUp    true ends the wait for a broker that does not respond
     */
    public PartitionTakeover(
            TransactionalId process,
            int maxRunning,
            Consumer<byte[], byte[]> consumer,
            Admin admin,
            PartitionLogs logs,
            BooleanSupplier givesUp) {
        this.process = process;
        this.maxRunning = maxRunning;
        this.consumer = consumer;
        this.admin = admin;
        this.logs = logs;
        this.positions = new ReadPositions(consumer, logs);
        this.givesUp = givesUp;
    }

    /**
     * Takes over partitions that were assigned: ends the open transactions of their last owners, waits until no
     * transaction on their offsets is open, and sets the positions of the consumer. Waits up to 30 s for an answer of
     * the cluster, and for the committed offsets until the brokers respond.
     *
     * @return the progress of the partitions
     * @throws KafkaException if the cluster does not answer
     */
    public List<PartitionProgress> fenceOwnersAndRead(Collection<TopicPartition> partitions) {
        // first the owners, without a wait for open transactions, in order to end these
        endTransactionsOf(lastCommits(partitions).entrySet().stream()
                .map(last -> metadata(last.getKey(), last.getValue()))
                .filter(metadata -> metadata.hasOtherOwner(process))
                .map(metadata -> metadata.owner().orElseThrow())
                .collect(Collectors.toSet()));
        Map<TopicPartition, OffsetAndMetadata> committed = committed(partitions);
        List<TopicPartition> unread =
                partitions.stream().filter(each -> !committed.containsKey(each)).toList();
        if (!unread.isEmpty()) {
            // all of them first: the position of any partition throws an exception while one has no start
            consumer.seekToBeginning(unread);
        }
        Map<TopicPartition, PartitionLog> found = logs.read(partitions);
        Map<TopicPartition, ReadPositions.CommittedPosition> commits = new HashMap<>();
        committed.forEach((partition, commit) -> commits.put(
                partition,
                new ReadPositions.CommittedPosition(
                        commit.offset(), metadata(partition, commit), found.get(partition))));
        Map<TopicPartition, StartOffset> starts = positions.start(commits);
        List<PartitionProgress> taken = new ArrayList<>();
        for (TopicPartition each : partitions) {
            StartOffset start = starts.get(each);
            taken.add(start == null ? fromBeginning(each, found.get(each)) : progress(each, found.get(each), start));
        }
        return taken;
    }

    /** The progress of a partition of which the group has committed nothing. */
    private PartitionProgress fromBeginning(TopicPartition partition, PartitionLog log) {
        long offset = untilAnswered(() -> consumer.position(partition, CALL));
        return new PartitionProgress(
                partition, process, offset, CommitMetadata.NONE.in(new LogIdentity(log.topic(), OptionalInt.empty())));
    }

    private PartitionProgress progress(TopicPartition partition, PartitionLog log, StartOffset start) {
        CommitMetadata metadata = start.metadata();
        CrashHistory crashes = crashes(partition, start.offset(), metadata);
        LogIdentity identity = new LogIdentity(
                log.topic().or(() -> metadata.log().topic()), metadata.log().epoch());
        return new PartitionProgress(
                partition,
                process,
                start.offset(),
                new CommitMetadata(metadata.owner(), metadata.idle(), crashes, metadata.finished(), identity));
    }

    /** The metadata of a commit. An owner that is no worker of this group is ignored: its transactions are not ours. */
    private CommitMetadata metadata(TopicPartition partition, OffsetAndMetadata commit) {
        CommitMetadata metadata = CommitMetadata.of(partition.toString(), commit);
        if (metadata.owner().filter(id -> !process.isOfGroup(id)).isEmpty()) {
            return metadata;
        }
        LOG.warnf(
                "the commit %d of %s names '%s' as the owner, which is no worker of the group; it is ignored",
                commit.offset(), partition, LogText.of(metadata.owner().orElseThrow()));
        return metadata.withoutOwner();
    }

    /** The crash history of a partition. Counts the death of its last owner. */
    private CrashHistory crashes(TopicPartition partition, long offset, CommitMetadata metadata) {
        if (!metadata.hasOtherOwner(process) || metadata.idle()) {
            return metadata.crashes();
        }
        long running = CrashHistory.endOfRunning(offset, end(partition), metadata.finished(), maxRunning);
        if (running == offset) {
            // without open requests, the death has another cause
            return metadata.crashes();
        }
        logs.status().died(partition.topic());
        CrashHistory crashes = metadata.crashes().afterDeath(offset, running);
        if (crashes.isIsolating()) {
            LOG.warnf(
                    "workers have died while the requests from %d to %d of %s were open: these run one at a time",
                    offset, crashes.suspectsEnd() - 1, partition);
        }
        return crashes;
    }

    /** The end of a log; {@code Long.MAX_VALUE} if it is not known. */
    private long end(TopicPartition partition) {
        while (true) {
            try {
                return consumer.endOffsets(Set.of(partition), CALL).get(partition);
            } catch (TimeoutException e) {
                return Long.MAX_VALUE;
            } catch (WakeupException e) {
                LOG.trace("a call was woken up and is repeated");
            }
        }
    }

    /** The committed offsets, without the partitions that have none. Waits until no transaction on them is open. */
    public Map<TopicPartition, OffsetAndMetadata> committed(Collection<TopicPartition> partitions) {
        Set<TopicPartition> all = new HashSet<>(partitions);
        Map<TopicPartition, OffsetAndMetadata> committed = new HashMap<>(untilAnswered(() -> {
            try {
                return consumer.committed(all, CALL);
            } catch (TimeoutException e) {
                // the owner may have died in its first transaction, which no commit names
                endTransactionsOf(leftBehind());
                throw e;
            }
        }));
        committed.values().removeIf(Objects::isNull);
        return committed;
    }

    /**
     * Corrects the positions of the consumer that a poll does not find in the logs. Continues at the first record if
     * retention has deleted the position.
     *
     * @throws KafkaException if a log was truncated or its topic created again; the next session compares it with the
     *     committed offset
     */
    public void seekBehindDeleted(OffsetOutOfRangeException reason) {
        positions.outOfRange(reason);
    }

    /** The committed offsets, without those of open transactions. */
    private Map<TopicPartition, OffsetAndMetadata> lastCommits(Collection<TopicPartition> partitions) {
        Map<TopicPartition, OffsetAndMetadata> commits = new HashMap<>(await(admin.listConsumerGroupOffsets(
                        Map.of(process.group(), new ListConsumerGroupOffsetsSpec().topicPartitions(partitions)))
                .partitionsToOffsetAndMetadata(process.group())));
        commits.values().removeIf(Objects::isNull);
        return commits;
    }

    /**
     * The transactional ids of workers that are not members of the group any more and whose transactions are open. The
     * client id of a member is the transactional id of its process. If a member has another client id, all open
     * transactions may be its own. A probe commits no offsets, and waits for its topic on purpose.
     */
    private Set<String> leftBehind() {
        try {
            Set<String> open = await(admin.listTransactions(new ListTransactionsOptions()
                                    .filterStates(Set.of(TransactionState.ONGOING))
                                    .filterOnDuration(LEFT_BEHIND_MS))
                            .all())
                    .stream()
                    .map(TransactionListing::transactionalId)
                    .filter(id -> process.isOfGroup(id) && !process.isOwn(id) && !TransactionalId.isOfProbe(id))
                    .collect(Collectors.toSet());
            if (open.isEmpty()) {
                return open;
            }
            // read after the transactions, so that a worker that joins in between counts as a member
            Set<String> members = members();
            Optional<String> unknown =
                    members.stream().filter(id -> !process.isOfGroup(id)).findAny();
            if (unknown.isPresent()) {
                LOG.warnf(
                        "the member '%s' of the group has no client id of a worker and may own an open transaction; the"
                                + " timeout ends those of %s",
                        LogText.of(unknown.get()), LogText.of(String.join(", ", open)));
                return Set.of();
            }
            open.removeIf(id -> members.stream().anyMatch(member -> TransactionalId.isOf(member, id)));
            return open;
        } catch (KafkaException e) {
            LOG.warnf("the open transactions can't be listed; their timeout ends them: %s", e.getMessage());
            return Set.of();
        }
    }

    /** The client ids of the members of the group. */
    private Set<String> members() {
        return await(admin.describeConsumerGroups(Set.of(process.group()))
                        .describedGroups()
                        .get(process.group()))
                .members()
                .stream()
                .map(MemberDescription::clientId)
                .collect(Collectors.toSet());
    }

    private void endTransactionsOf(Set<String> owners) {
        if (owners.isEmpty()) {
            return;
        }
        String names = LogText.of(String.join(", ", owners));
        LOG.infof("ends the transactions of %s, which did not give its partitions back", names);
        try {
            await(admin.fenceProducers(owners, new FenceProducersOptions().timeoutMs(FENCE_TIMEOUT_MS))
                    .all());
        } catch (KafkaException e) {
            LOG.warnf("the transactions of %s can't be ended; their timeout ends them: %s", names, e.getMessage());
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
