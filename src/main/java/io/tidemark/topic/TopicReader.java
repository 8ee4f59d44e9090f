package io.tidemark.topic;

import io.tidemark.time.Time;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/**
 * Reads all partitions of topics with one consumer, without a consumer group: from the beginning, the end or a moment.
 * Failures are exceptions of Kafka. Not thread-safe.
 *
 * <p>A read to the end ends when the positions of the consumer reach the end offsets that were fetched at its start. It
 * does not wait for a record with the last offset: transaction markers also have offsets, and such a record may not
 * exist.
 *
 * @param <K> the type of the keys
 */
public final class TopicReader<K> implements AutoCloseable {

    private static final System.Logger LOG = System.getLogger(TopicReader.class.getName());
    private static final Duration POLL = Duration.ofMillis(100);
    private static final Duration NEW_TOPIC_RETRY = Duration.ofMillis(50);

    /** How often a read that takes long is logged. */
    private static final Duration REPORT = Duration.ofSeconds(5);

    private final org.apache.kafka.clients.consumer.Consumer<K, byte[]> consumer;
    private final Time time;
    private final Duration newTopic;

    /**
     * @param consumer has {@code auto.offset.reset=earliest}; closed with the reader
     * @param newTopic how long it waits for a topic that the brokers do not know: the metadata of a new topic reaches
     *                 them late
     */
    public TopicReader(org.apache.kafka.clients.consumer.Consumer<K, byte[]> consumer, Time time, Duration newTopic) {
        this.consumer = consumer;
        this.time = time;
        this.newTopic = newTopic;
    }

    /** Also reads a topic, from its beginning. */
    public void addFromBeginning(String topic) {
        add(topic, consumer::seekToBeginning);
    }

    /** Also reads a topic, those records that can be read only after this call returns. */
    public void addFromEnd(String topic) {
        add(topic, this::seekToEnd);
    }

    /** Also reads a topic, the records whose timestamp is a moment or later. */
    public void addSince(String topic, Instant since) {
        add(topic, partitions -> {
            seekToEnd(partitions);
            seekBack(partitions, since);
        });
    }

    private void add(String topic, Consumer<List<TopicPartition>> seek) {
        List<TopicPartition> partitions = partitionsOf(topic);
        try {
            assignToo(partitions);
            seek.accept(partitions);
        } catch (RuntimeException e) {
            // partitions without a position would be read from their beginning
            remove(Set.of(topic));
            throw e;
        }
    }

    /** Reads topics no more. */
    public void remove(Set<String> topics) {
        Set<TopicPartition> left = new HashSet<>(consumer.assignment());
        left.removeIf(partition -> topics.contains(partition.topic()));
        consumer.assign(left);
    }

    /** Also reads the partitions that were added to the topics in the meantime, from their beginning. */
    public void addNewPartitions() {
        for (String topic : topics()) {
            List<TopicPartition> added = new ArrayList<>(knownPartitionsOf(topic));
            added.removeAll(consumer.assignment());
            if (!added.isEmpty()) {
                assignToo(added);
                consumer.seekToBeginning(added);
            }
        }
    }

    private void assignToo(Collection<TopicPartition> partitions) {
        Set<TopicPartition> all = new HashSet<>(consumer.assignment());
        all.addAll(partitions);
        consumer.assign(all);
    }

    private Set<String> topics() {
        return consumer.assignment().stream().map(TopicPartition::topic).collect(Collectors.toCollection(TreeSet::new));
    }

    /**
     * Returns all partitions of a topic.
     *
     * @throws UnknownTopicOrPartitionException if the topic does not exist
     */
    public List<TopicPartition> partitionsOf(String topic) {
        long start = time.nanoTime();
        List<TopicPartition> partitions = knownPartitionsOf(topic);
        while (partitions.isEmpty()) {
            if (time.nanosSince(start) >= newTopic.toNanos()) {
                throw doesNotExist(topic);
            }
            time.sleep(NEW_TOPIC_RETRY);
            partitions = knownPartitionsOf(topic);
        }
        return partitions;
    }

    /** The exception for a topic that the brokers do not know. */
    public static UnknownTopicOrPartitionException doesNotExist(String topic) {
        return new UnknownTopicOrPartitionException(
                "topic '" + topic + "' does not exist; 'tidemark serve' and 'tidemark broker' create the topics");
    }

    private List<TopicPartition> knownPartitionsOf(String topic) {
        List<PartitionInfo> infos =
                Optional.ofNullable(consumer.partitionsFor(topic)).orElse(List.of());
        return infos.stream()
                .map(info -> new TopicPartition(topic, info.partition()))
                .toList();
    }

    /** Leaves out all records that can be read by now. */
    public void seekToEnd() {
        seekToEnd(consumer.assignment());
    }

    private void seekToEnd(Collection<TopicPartition> partitions) {
        consumer.seekToEnd(partitions);
        partitions.forEach(consumer::position);
    }

    /** Reads records of these topics again, from those whose timestamp is a moment or later. */
    public void seekBack(Collection<String> topics, Instant since) {
        seekBack(
                consumer.assignment().stream()
                        .filter(partition -> topics.contains(partition.topic()))
                        .toList(),
                since);
    }

    private void seekBack(List<TopicPartition> partitions, Instant since) {
        Map<TopicPartition, Long> times =
                partitions.stream().collect(Collectors.toMap(each -> each, each -> since.toEpochMilli()));
        consumer.offsetsForTimes(times).forEach((partition, found) -> {
            if (found != null && found.offset() < consumer.position(partition)) {
                consumer.seek(partition, found.offset());
            }
        });
    }

    /** While paused, a poll returns no records. */
    public void setPaused(boolean paused) {
        if (paused) {
            consumer.pause(consumer.assignment());
        } else {
            consumer.resume(consumer.paused());
        }
    }

    /** Returns the next records, and waits for them at most this time. */
    public ConsumerRecords<K, byte[]> poll(Duration timeout) {
        return consumer.poll(timeout);
    }

    /** Ends a poll of another thread with a {@link org.apache.kafka.common.errors.WakeupException}. */
    public void wakeup() {
        consumer.wakeup();
    }

    /**
     * Passes every record below the current end offsets to {@code sink}, in order within a partition. A consumer with
     * {@code read_committed} does not read the records behind the start of an open transaction.
     *
     * @throws TimeoutException if this takes longer than {@code timeout}
     */
    public void readToEnd(Consumer<ConsumerRecord<K, byte[]>> sink, Duration timeout) {
        readTo(consumer.endOffsets(consumer.assignment()), sink, timeout, false);
    }

    /**
     * Reads to the high watermarks. Unlike {@link #readToEnd}, waits until open transactions are committed or aborted.
     * This includes the transactions of the caller, since a commit returns before its markers are written. It may take
     * any time while there is progress, which includes the records of aborted transactions.
     *
     * @throws TimeoutException if there is no progress for longer than {@code pause}
     */
    public void readToHighWatermark(Admin admin, Consumer<ConsumerRecord<K, byte[]>> sink, Duration pause) {
        try {
            readTo(highWatermarks(admin, pause).get(), sink, pause, true);
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof KafkaException failure ? failure : new KafkaException(e.getCause());
        }
    }

    /** Fetches the offsets behind the last records, those of open transactions included, in the background. */
    public CompletableFuture<Map<TopicPartition, Long>> highWatermarks(Admin admin, Duration timeout) {
        Map<TopicPartition, OffsetSpec> latest =
                consumer.assignment().stream().collect(Collectors.toMap(each -> each, each -> OffsetSpec.latest()));
        ListOffsetsOptions options =
                new ListOffsetsOptions(IsolationLevel.READ_UNCOMMITTED).timeoutMs(Math.toIntExact(timeout.toMillis()));
        return admin.listOffsets(latest, options)
                .all()
                .toCompletionStage()
                .thenApply(ends -> ends.entrySet().stream()
                        .collect(Collectors.toMap(
                                Map.Entry::getKey, end -> end.getValue().offset())))
                .toCompletableFuture();
    }

    /** @param restarts whether each progress starts the timeout again */
    private void readTo(
            Map<TopicPartition, Long> ends,
            Consumer<ConsumerRecord<K, byte[]>> sink,
            Duration timeout,
            boolean restarts) {
        long start = time.nanoTime();
        long reported = start;
        Map<TopicPartition, Long> positions = positions();
        Optional<TopicPartition> behind = firstBehind(ends, positions);
        while (behind.isPresent()) {
            long now = time.nanoTime();
            if (now - start > timeout.toNanos()) {
                throw new TimeoutException("topic '" + String.join("', '", topics())
                        + (restarts ? "' had no progress for " : "' was not read to its end within ")
                        + timeout.toMillis() + " ms: " + progress(behind.get(), ends.get(behind.get())) + "; "
                        + unread(ends, positions) + " offsets of all partitions are left");
            }
            if (now - reported > REPORT.toNanos()) {
                reported = now;
                LOG.log(Level.INFO, "reading: " + progress(behind.get(), ends.get(behind.get())));
            }
            consumer.poll(POLL).forEach(sink);
            Map<TopicPartition, Long> before = positions;
            positions = positions();
            start = restarts && !positions.equals(before) ? time.nanoTime() : start;
            behind = firstBehind(ends, positions);
        }
    }

    /** The first partition that is not read up to its end. */
    public static Optional<TopicPartition> firstBehind(
            Map<TopicPartition, Long> ends, Map<TopicPartition, Long> positions) {
        return ends.entrySet().stream()
                .filter(end -> positions.getOrDefault(end.getKey(), 0L) < end.getValue())
                .map(Map.Entry::getKey)
                .findFirst();
    }

    /** The number of offsets up to the ends, transaction markers included. */
    public static long unread(Map<TopicPartition, Long> ends, Map<TopicPartition, Long> positions) {
        return ends.entrySet().stream()
                .mapToLong(end -> Math.max(0, end.getValue() - positions.getOrDefault(end.getKey(), 0L)))
                .sum();
    }

    /** The offsets below which all records were returned or passed; 0 where no broker has told the first offset. */
    public Map<TopicPartition, Long> positions() {
        Map<TopicPartition, Long> positions = new HashMap<>();
        for (TopicPartition partition : consumer.assignment()) {
            positions.put(partition, position(partition));
        }
        return positions;
    }

    private long position(TopicPartition partition) {
        try {
            return consumer.position(partition, POLL);
        } catch (TimeoutException e) {
            return 0;
        }
    }

    /** How far a partition is read, and what to do about an open transaction that holds the reader back. */
    public String progress(TopicPartition partition, long end) {
        String read = "partition " + partition.partition() + " of '" + partition.topic() + "' is read up to offset "
                + position(partition) + " of " + end;
        // of committed records, as the last fetch has seen it
        return consumer.currentLag(partition).orElse(1) > 0
                ? read
                : read + ", held back by an open transaction; if its producer is gone, find it with"
                        + " 'kafka-transactions.sh find-hanging --topic " + partition.topic() + " --partition "
                        + partition.partition() + "' and abort it";
    }

    @Override
    public void close() {
        consumer.close(CloseOptions.timeout(Duration.ofSeconds(1)));
    }
}
