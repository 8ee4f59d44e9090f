package io.tidemark.stream.tables;

import io.tidemark.stream.settings.TidemarkSettings.TopicSettings;
import io.tidemark.stream.topics.KafkaClients;
import io.tidemark.stream.topics.ReadLimits;
import io.tidemark.time.Time;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.jboss.logging.Logger;

/**
 * Reads the records of all partitions of a topic to its end, without a consumer group: the committed records of a table
 * from the beginning, or those of a topic since a moment. Not thread-safe.
 *
 * <p>A read ends when the position of the consumer reaches the end offsets that were fetched at its start. It does not
 * wait for a record with the last offset: transaction markers also have offsets, and such a record may not exist.
 */
public final class TableReader implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(TableReader.class);
    private static final Duration POLL = Duration.ofMillis(100);

    /** A few records of one poll: a compressed batch below 1 MiB can hold hundreds of records of 1 MiB. */
    private static final int POLL_RECORDS = 16;

    private static final int FETCH_BYTES = 1 << 20;

    /** How often a read that takes long is logged. */
    private static final Duration REPORT = Duration.ofSeconds(5);

    private static final Duration METADATA_TIMEOUT = Duration.ofSeconds(30);
    private static final Duration METADATA_RETRY = Duration.ofMillis(50);

    /** Receives records, on one thread at a time. */
    @FunctionalInterface
    public interface Sink {

        void accept(ConsumerRecord<byte[], byte[]> record);
    }

    private final Time time;
    private final String topic;
    private final IsolationLevel isolation;
    private final Consumer<byte[], byte[]> consumer;
    private final List<TopicPartition> partitions;

    /**
     * A reader of the records of a table. A value above {@link TopicSettings#MAX_RECORD_BYTES} is cut, so that it is
     * invalid.
     *
     * @param topic an existing topic
     * @throws KafkaException if no metadata of the topic arrives within 30 s
     */
    public TableReader(KafkaClients kafka, Time time, String topic) {
        this(kafka, time, topic, IsolationLevel.READ_COMMITTED, TopicSettings.MAX_RECORD_BYTES);
        consumer.seekToBeginning(partitions);
    }

    /** Assigns all partitions; the caller seeks. */
    private TableReader(KafkaClients kafka, Time time, String topic, IsolationLevel isolation, int maxBytes) {
        this.time = time;
        this.topic = topic;
        this.isolation = isolation;
        consumer = kafka.newConsumer(
                new ReadLimits(POLL_RECORDS, FETCH_BYTES, maxBytes),
                Map.of(
                        ConsumerConfig.ISOLATION_LEVEL_CONFIG,
                        isolation.toString().toLowerCase(Locale.ROOT),
                        ConsumerConfig.AUTO_OFFSET_RESET_CONFIG,
                        "earliest",
                        ConsumerConfig.CLIENT_ID_CONFIG,
                        "tidemark-table-" + topic + "-" + UUID.randomUUID()));
        try {
            partitions = partitionsOf(topic);
            consumer.assign(partitions);
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /**
     * A reader of all records since a moment, also of those in open and aborted transactions.
     *
     * @param maxBytes most bytes of a value that is read completely; a longer value is cut, and
     *                 {@code serializedValueSize} of the record has its size
     * @throws TableReadException if the offsets of that moment are not found within {@code timeout}
     */
    static TableReader since(
            KafkaClients kafka, Time time, String topic, int maxBytes, Instant since, Duration timeout) {
        TableReader reader = new TableReader(kafka, time, topic, IsolationLevel.READ_UNCOMMITTED, maxBytes);
        try {
            reader.seekTo(since, timeout);
            return reader;
        } catch (RuntimeException e) {
            reader.close();
            throw e;
        }
    }

    /**
     * Returns all partitions of a topic. Waits until the metadata of a new topic has reached the broker.
     *
     * @throws KafkaException when no metadata of the topic arrives within 30 s
     */
    private List<TopicPartition> partitionsOf(String topic) {
        long start = time.nanoTime();
        while (true) {
            List<PartitionInfo> found = partitionsFor(topic);
            if (!found.isEmpty()) {
                return found.stream()
                        .map(info -> new TopicPartition(topic, info.partition()))
                        .toList();
            }
            if (time.nanosSince(start) > METADATA_TIMEOUT.toNanos()) {
                throw new KafkaException("topic '" + topic + "' does not exist, or no broker answers");
            }
            time.sleep(METADATA_RETRY);
        }
    }

    /** Empty if the topic is unknown, or if no broker answers. */
    private List<PartitionInfo> partitionsFor(String topic) {
        try {
            List<PartitionInfo> found = consumer.partitionsFor(topic, REPORT);
            return found == null ? List.of() : found;
        } catch (TimeoutException e) {
            LOG.infof("waiting for the metadata of topic '%s': %s", topic, e.getMessage());
            return List.of();
        }
    }

    private void seekTo(Instant since, Duration timeout) {
        Map<TopicPartition, Long> times = partitions.stream()
                .collect(Collectors.toMap(partition -> partition, partition -> since.toEpochMilli()));
        Map<TopicPartition, OffsetAndTimestamp> found =
                await("offsets of a moment", timeout, wait -> consumer.offsetsForTimes(times, wait));
        Map<TopicPartition, Long> ends = await("end offsets", timeout, wait -> consumer.endOffsets(partitions, wait));
        partitions.forEach(partition -> consumer.seek(
                partition,
                Optional.ofNullable(found.get(partition))
                        .map(OffsetAndTimestamp::offset)
                        .orElseGet(() -> ends.get(partition))));
    }

    /**
     * Passes every record below the last stable offset to {@code sink}, in order within a partition. Records behind the
     * start of an open transaction are not read. A read that takes long is logged every few seconds.
     *
     * @throws TableReadException if this takes longer than {@code timeout}
     */
    public void readToEnd(Sink sink, Duration timeout) {
        readTo(await("end offsets", timeout, wait -> consumer.endOffsets(partitions, wait)), sink, timeout);
    }

    /** Repeats a call, which waits for a broker, until it returns. Logs what it waits for. */
    private <T> T await(String what, Duration timeout, Function<Duration, T> call) {
        long start = time.nanoTime();
        while (true) {
            long left = timeout.toNanos() - time.nanosSince(start);
            if (left <= 0) {
                throw new TableReadException("no broker returned the " + what + " of topic '" + topic + "' within "
                        + timeout.toMillis() + " ms");
            }
            try {
                return call.apply(Duration.ofNanos(Math.min(left, REPORT.toNanos())));
            } catch (TimeoutException e) {
                LOG.infof("waiting for the %s of topic '%s': %s", what, topic, e.getMessage());
            }
        }
    }

    /**
     * As {@link #readToEnd}, up to the high watermark: waits until all open transactions are committed or aborted. This
     * includes the transactions of the caller, since a commit returns before its markers are written.
     *
     * @throws TableReadException if this takes longer than {@code timeout}
     * @throws KafkaException     if the end offsets cannot be fetched
     */
    public void readToHighWatermark(Admin admin, Sink sink, Duration timeout) {
        readTo(highWatermarks(admin, timeout), sink, timeout);
    }

    private Map<TopicPartition, Long> highWatermarks(Admin admin, Duration timeout) {
        try {
            return ends(admin, partitions, new ListOffsetsOptions(IsolationLevel.READ_UNCOMMITTED))
                    .get(timeout.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new KafkaException("interrupted while fetching the end offsets of '" + topic + "'", e);
        } catch (ExecutionException | java.util.concurrent.TimeoutException e) {
            throw new KafkaException("could not fetch the end offsets of '" + topic + "'", e);
        }
    }

    /** The end offsets: the high watermarks, or with {@code read_committed} the last stable offsets. */
    static KafkaFuture<Map<TopicPartition, Long>> ends(
            Admin admin, Collection<TopicPartition> partitions, ListOffsetsOptions options) {
        Map<TopicPartition, OffsetSpec> latest =
                partitions.stream().collect(Collectors.toMap(partition -> partition, partition -> OffsetSpec.latest()));
        return admin.listOffsets(latest, options)
                .all()
                .thenApply(ends -> ends.entrySet().stream()
                        .collect(Collectors.toMap(
                                Map.Entry::getKey, end -> end.getValue().offset())));
    }

    private void readTo(Map<TopicPartition, Long> ends, Sink sink, Duration timeout) {
        long start = time.nanoTime();
        long reported = start;
        OptionalLong passed = OptionalLong.empty();
        while (true) {
            Map<TopicPartition, Long> positions = positions();
            Optional<TopicPartition> behind = partitions.stream()
                    .filter(partition -> positions.get(partition) < ends.get(partition))
                    .findFirst();
            if (behind.isEmpty()) {
                return;
            }
            long now = time.nanoTime();
            if (now - start > timeout.toNanos()) {
                throw new TableReadException(
                        "topic '" + topic + "' was not read to its end within " + timeout.toMillis() + " ms: "
                                + progress(behind.get(), positions, ends) + "; " + unread(positions, ends)
                                + " offsets of all partitions are left",
                        passed.isPresent() && now - passed.getAsLong() < REPORT.toNanos());
            }
            if (now - reported > REPORT.toNanos()) {
                reported = now;
                LOG.infof("reading topic '%s': %s", topic, progress(behind.get(), positions, ends));
            }
            ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
            records.forEach(sink::accept);
            if (!records.isEmpty()) {
                passed = OptionalLong.of(time.nanoTime());
            }
        }
    }

    private static long unread(Map<TopicPartition, Long> positions, Map<TopicPartition, Long> ends) {
        return ends.entrySet().stream()
                .mapToLong(end -> Math.max(0, end.getValue() - positions.get(end.getKey())))
                .sum();
    }

    private String progress(
            TopicPartition partition, Map<TopicPartition, Long> positions, Map<TopicPartition, Long> ends) {
        long position = positions.get(partition);
        long end = ends.get(partition);
        try {
            long lastStable = consumer.endOffsets(List.of(partition), REPORT).get(partition);
            return position >= lastStable
                    ? TableWatch.openTransaction(partition, position, end)
                    : TableWatch.at(partition, position, end);
        } catch (TimeoutException e) {
            return TableWatch.at(partition, position, end) + ", and no broker answers: " + e.getMessage();
        }
    }

    /** The offsets below which all records were passed to the sink; 0 where no broker has told the first offset. */
    private Map<TopicPartition, Long> positions() {
        return positions(consumer, partitions);
    }

    static Map<TopicPartition, Long> positions(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
        Map<TopicPartition, Long> positions = new HashMap<>();
        for (TopicPartition partition : partitions) {
            try {
                positions.put(partition, consumer.position(partition, POLL));
            } catch (TimeoutException e) {
                positions.put(partition, 0L);
            }
        }
        return positions;
    }

    String topic() {
        return topic;
    }

    IsolationLevel isolation() {
        return isolation;
    }

    /** The consumer, positioned behind the last record that was read. */
    Consumer<byte[], byte[]> consumer() {
        return consumer;
    }

    List<TopicPartition> partitions() {
        return partitions;
    }

    @Override
    public void close() {
        consumer.close(CloseOptions.timeout(Duration.ofSeconds(1)));
    }
}
