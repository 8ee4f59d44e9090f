package io.tidemark.stream.delivery.partition;

import io.tidemark.time.Time;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.jboss.logging.Logger;

/**
 * The logs of request partitions: their topic ids, their first offsets and their ends. {@link #read} waits for them
 * when partitions are assigned. {@link #check} lists those of the owned partitions then, and every
 * {@value #LIST_SECONDS} s, without a wait. It finds topics that were created again, and offsets behind open
 * transactions.
 *
 * <p>Used by the thread {@code tidemark-requests}. The answers of a listing arrive on the thread of the admin client.
 */
public final class PartitionLogs implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(PartitionLogs.class);
    private static final long LIST_SECONDS = 5;
    private static final int TIMEOUT_MS = 5_000;
    private static final long LIST_NANOS = TimeUnit.SECONDS.toNanos(LIST_SECONDS);
    /** The age at which an open transaction is reported, above the default timeout of a client's transaction. */
    private static final long HELD_NANOS = TimeUnit.MINUTES.toNanos(2);

    private final Admin admin;
    private final RequestTopicStatus status;
    private final Time time;
    /** The ids of topics by their names. Written by the thread of the admin client. */
    private final Map<String, String> topicIds = new ConcurrentHashMap<>();
    /** The ends of the logs. The thread of the admin client writes them. */
    private final Map<TopicPartition, Ends> ends = new ConcurrentHashMap<>();

    private final Map<TopicPartition, Held> held = new HashMap<>();
    private volatile boolean listed = true;
    private long listedNanos;

    /**
     * The log of a partition as its leader describes it. What is not known in time is empty.
     *
     * @param topic id of the topic
     * @param start the first offset that retention has kept
     * @param end   the high watermark
     * @param epoch the newest leader epoch
     */
    record PartitionLog(Optional<String> topic, OptionalLong start, OptionalLong end, OptionalInt epoch) {

        /**
         * The identity of a commit without an epoch that this log can't have, which only another program can have set.
         */
        LogIdentity possible(LogIdentity committed) {
            boolean isFuture = committed.epoch().isPresent()
                    && epoch.isPresent()
                    && committed.epoch().getAsInt() > epoch.getAsInt();
            return isFuture ? new LogIdentity(committed.topic(), OptionalInt.empty()) : committed;
        }

        /** Whether the leader can compare its log with that of a commit: an epoch of another topic has no meaning. */
        boolean isComparable(LogIdentity committed) {
            return epoch.isPresent()
                    && possible(committed).epoch().isPresent()
                    && committed.topic().isPresent()
                    && committed.topic().equals(topic);
        }
    }

    private record Ends(long stable, long end) {}

    /** A last stable offset that does not move, and since when. */
    private record Held(long stable, long sinceNanos, boolean reported) {}

    /** @param admin closed by this class */
    public PartitionLogs(Admin admin, RequestTopicStatus status, Time time) {
        this.admin = admin;
        this.status = status;
        this.time = time;
        this.listedNanos = time.nanoTime() - LIST_NANOS;
    }

    RequestTopicStatus status() {
        return status;
    }

    /**
     * Reads the logs of partitions, for at most 5 s. A partition without a leader does not delay the others longer than
     * that.
     */
    Map<TopicPartition, PartitionLog> read(Collection<TopicPartition> partitions) {
        partitions.forEach(ends::remove);
        listedNanos = time.nanoTime() - LIST_NANOS;
        Map<String, CompletableFuture<TopicDescription>> topics = describe(partitions);
        Map<TopicPartition, CompletableFuture<ListOffsetsResultInfo>> starts =
                list(partitions, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED);
        Map<TopicPartition, CompletableFuture<ListOffsetsResultInfo>> last =
                list(partitions, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED);
        Map<TopicPartition, PartitionLog> found = new HashMap<>();
        for (TopicPartition each : partitions) {
            PartitionLog log = log(answer(topics.get(each.topic())), answer(starts.get(each)), answer(last.get(each)));
            // replaces the id of an earlier listing
            log.topic().ifPresent(id -> topicIds.put(each.topic(), id));
            found.put(each, log);
        }
        return found;
    }

    private static PartitionLog log(
            Optional<TopicDescription> topic,
            Optional<ListOffsetsResultInfo> start,
            Optional<ListOffsetsResultInfo> end) {
        return new PartitionLog(
                topic.map(PartitionLogs::id),
                start.map(info -> OptionalLong.of(info.offset())).orElseGet(OptionalLong::empty),
                end.map(info -> OptionalLong.of(info.offset())).orElseGet(OptionalLong::empty),
                end.flatMap(ListOffsetsResultInfo::leaderEpoch)
                        .map(OptionalInt::of)
                        .orElseGet(OptionalInt::empty));
    }

    /**
     * Lists the logs of the owned partitions when it is time, and compares them with what the group has read.
     *
     * @throws KafkaException if the topic of a partition was created again; the next session reads it from its
     *     beginning
     */
    public void check(Collection<PartitionProgress> owned) {
        long now = time.nanoTime();
        if (!listed || owned.isEmpty() || now - listedNanos < LIST_NANOS) {
            return;
        }
        listedNanos = now;
        report(owned, now);
        listed = false;
        Set<TopicPartition> partitions =
                owned.stream().map(PartitionProgress::partition).collect(Collectors.toSet());
        ends.keySet().retainAll(partitions);
        Map<TopicPartition, CompletableFuture<ListOffsetsResultInfo>> stable =
                list(partitions, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED);
        Map<TopicPartition, CompletableFuture<ListOffsetsResultInfo>> last =
                list(partitions, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED);
        List<CompletableFuture<?>> answers = new ArrayList<>();
        describe(partitions)
                .forEach((topic, found) ->
                        answers.add(found.thenAccept(description -> topicIds.put(topic, id(description)))));
        for (TopicPartition each : partitions) {
            answers.add(stable.get(each)
                    .thenCombine(last.get(each), (lower, upper) -> new Ends(lower.offset(), upper.offset()))
                    .thenAccept(found -> ends.put(each, found)));
        }
        CompletableFuture.allOf(answers.toArray(CompletableFuture[]::new)).whenComplete((done, failure) -> {
            if (failure != null) {
                LOG.debugf("the logs of request topics are not known: %s", failure.getMessage());
            }
            listed = true;
        });
    }

    /** The last stable offset of a partition when it was listed last. Empty if that is not known. */
    public OptionalLong stableEnd(TopicPartition partition) {
        Ends found = ends.get(partition);
        return found == null ? OptionalLong.empty() : OptionalLong.of(found.stable);
    }

    /** Closes the admin client without a wait for its calls. */
    @Override
    public void close() {
        admin.close(Duration.ZERO);
    }

    /** Uses the answers of the last listing. */
    private void report(Collection<PartitionProgress> owned, long now) {
        Map<TopicPartition, Long> behind = new HashMap<>();
        for (PartitionProgress each : owned) {
            TopicPartition partition = each.partition();
            if (each.log().isOtherTopic(Optional.ofNullable(topicIds.get(partition.topic())))) {
                throw new KafkaException("topic " + partition.topic() + " was created again");
            }
            Ends found = ends.get(partition);
            if (found != null) {
                behind.put(partition, Math.max(0, found.end - found.stable));
                reportHeld(partition, found, now);
            }
        }
        held.keySet().retainAll(behind.keySet());
        status.heldBack(behind);
    }

    private void reportHeld(TopicPartition partition, Ends found, long now) {
        Held before = held.get(partition);
        if (found.end <= found.stable) {
            held.remove(partition);
        } else if (before == null || before.stable != found.stable) {
            held.put(partition, new Held(found.stable, now, false));
        } else if (!before.reported && now - before.sinceNanos >= HELD_NANOS) {
            held.put(partition, new Held(found.stable, before.sinceNanos, true));
            LOG.warnf(
                    "an open transaction of a client has held back %d offsets of %s from offset %d on for %d s; find it"
                            + " with 'kafka-transactions.sh describe-producers --topic %s --partition %d'",
                    found.end - found.stable,
                    partition,
                    found.stable,
                    TimeUnit.NANOSECONDS.toSeconds(now - before.sinceNanos),
                    partition.topic(),
                    partition.partition());
        }
    }

    private Map<String, CompletableFuture<TopicDescription>> describe(Collection<TopicPartition> partitions) {
        Set<String> names = partitions.stream().map(TopicPartition::topic).collect(Collectors.toSet());
        return admin
                .describeTopics(names, new DescribeTopicsOptions().timeoutMs(TIMEOUT_MS))
                .topicNameValues()
                .entrySet()
                .stream()
                .collect(Collectors.toMap(Map.Entry::getKey, each -> future(each.getValue())));
    }

    private Map<TopicPartition, CompletableFuture<ListOffsetsResultInfo>> list(
            Collection<TopicPartition> partitions, OffsetSpec spec, IsolationLevel isolation) {
        ListOffsetsResult offsets = admin.listOffsets(
                partitions.stream().collect(Collectors.toMap(Function.identity(), any -> spec)),
                new ListOffsetsOptions(isolation).timeoutMs(TIMEOUT_MS));
        return partitions.stream()
                .collect(Collectors.toMap(Function.identity(), each -> future(offsets.partitionResult(each))));
    }

    private static <T> CompletableFuture<T> future(KafkaFuture<T> answer) {
        return answer.toCompletionStage().toCompletableFuture();
    }

    private static String id(TopicDescription description) {
        return description.topicId().toString();
    }

    /** Waits for an answer; the admin client bounds the wait. Empty if there is none, which is logged. */
    private static <T> Optional<T> answer(CompletableFuture<T> call) {
        try {
            return Optional.of(call.get());
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            LOG.warnf(
                    "the log of a request partition is not known: %s",
                    e.getCause().getMessage());
            return Optional.empty();
        }
    }
}
