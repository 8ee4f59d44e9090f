package io.tidemark.stream.delivery;

import io.tidemark.stream.delivery.partition.PartitionProgress;
import io.tidemark.stream.delivery.partition.PartitionTakeover;
import io.tidemark.stream.delivery.reply.Delivery;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.WakeupException;
import org.jboss.logging.Logger;

/**
 * Reads the records of the owned partitions: polls the consumer, opens the requests of the records, and pauses
 * partitions of which enough is read.
 *
 * <p>Used by the thread {@code tidemark-requests}.
 */
final class Intake implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(Intake.class);
    /** How long a poll waits when there is nothing to do. */
    private static final Duration POLL = Duration.ofMillis(100);

    private static final Duration CLIENT_CLOSE = Duration.ofSeconds(5);
    /** How much time passes between two commits of idle partitions. */
    private static final long SKIP_NANOS = TimeUnit.SECONDS.toNanos(5);
    /** How long only partitions are read whose requests run alone. */
    private static final long ISOLATED_READ_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final Consumer<byte[], byte[]> consumer;
    private final Map<TopicPartition, PartitionProgress> owned;
    private final ReadAhead readAhead;
    private final PartitionTakeover takeover;
    private final DeliveryLoop.DeliveryCluster cluster;
    private final int contextLength;
    private final LoopControl control;
    private final Time time;
    private long skippedNanos;
    /** When no request ran alone last, or the last one did. */
    private long aloneNanos;

    /**
     * @param consumer      closed by this class
     * @param owned         the owned partitions; a view that the session changes
     * @param contextLength the context length of the model, in tokens
     */
    Intake(
            Consumer<byte[], byte[]> consumer,
            Map<TopicPartition, PartitionProgress> owned,
            ReadAhead readAhead,
            PartitionTakeover takeover,
            DeliveryLoop.DeliveryCluster cluster,
            int contextLength,
            LoopControl control,
            Time time) {
        this.consumer = consumer;
        this.owned = owned;
        this.readAhead = readAhead;
        this.takeover = takeover;
        this.cluster = cluster;
        this.contextLength = contextLength;
        this.control = control;
        this.time = time;
        this.skippedNanos = time.nanoTime();
        this.aloneNanos = skippedNanos;
    }

    /** Joins the group with the first poll. */
    void subscribe(Collection<String> topics, ConsumerRebalanceListener listener) {
        consumer.subscribe(topics, listener);
    }

    /** The metadata of the group at the moment. */
    ConsumerGroupMetadata group() {
        return consumer.groupMetadata();
    }

    /**
     * Polls. Calls the listener of rebalances if the group rebalances.
     *
     * @param due whether the poll should return at once
     */
    ConsumerRecords<byte[], byte[]> poll(boolean due) {
        control.polls(Optional.of(consumer));
        try {
            return consumer.poll(due ? Duration.ZERO : POLL);
        } catch (WakeupException e) {
            return ConsumerRecords.empty();
        } catch (OffsetOutOfRangeException e) {
            takeover.seekBehindDeleted(e);
            return ConsumerRecords.empty();
        } finally {
            control.polls(Optional.empty());
        }
    }

    /**
     * Opens the requests of records.
     *
     * @throws KafkaException if a partition was truncated; the next session compares it with the committed offset
     */
    void read(ConsumerRecords<byte[], byte[]> records) {
        long attempt = group().generationId();
        for (ConsumerRecord<byte[], byte[]> record : records) {
            PartitionProgress progress = owned.get(new TopicPartition(record.topic(), record.partition()));
            if (progress == null) {
                continue;
            }
            if (progress.isBehind(record.offset())) {
                throw new KafkaException("partition " + progress.partition() + " was truncated to offset "
                        + record.offset() + " or before");
            }
            progress.read(record.leaderEpoch());
            if (progress.open(record.offset())) {
                readAhead.add(new Delivery(
                        record,
                        progress,
                        cluster.routing().reply(record),
                        attempt,
                        time.nanoTime(),
                        cluster.tenants().of(record),
                        contextLength));
            }
        }
    }

    /** Passes offsets without records. Called after {@link #read}: all records below the positions have been opened. */
    void skip() {
        if (time.nanosSince(skippedNanos) >= SKIP_NANOS) {
            skippedNanos = time.nanoTime();
            for (PartitionProgress progress : owned.values()) {
                position(consumer, progress.partition()).ifPresent(progress::skipTo);
            }
        }
    }

    /** The position of a consumer. Does not wait: empty if it is not known, which makes the consumer ask a broker. */
    static OptionalLong position(Consumer<?, ?> consumer, TopicPartition partition) {
        try {
            return OptionalLong.of(consumer.position(partition, Duration.ZERO));
        } catch (TimeoutException | WakeupException | IllegalStateException e) {
            LOG.debugf("the position in %s is not known: %s", partition, e.getMessage());
            return OptionalLong.empty();
        }
    }

    /**
     * Pauses the partitions of which enough is read, and resumes the others. While requests run alone, nothing is read
     * ahead, so that the request that runs alone is the only possible cause of a death: all partitions are paused until
     * it has its answer. Then those are read first whose requests run alone. The others wait for them for a few
     * seconds only, because a partition may have no leader.
     *
     * @param alone whether a request runs alone or is the next one to do so
     */
    void pause(boolean alone) {
        List<PartitionProgress> isolating = owned.values().stream()
                .filter(each -> each.crashes().isIsolating())
                .toList();
        if (alone || isolating.isEmpty()) {
            aloneNanos = time.nanoTime();
        }
        boolean isolatedFirst = isolating.stream().anyMatch(each -> mayHaveMore(each.partition()))
                && time.nanosSince(aloneNanos) < ISOLATED_READ_NANOS;
        Set<TopicPartition> full = new HashSet<>();
        for (PartitionProgress each : owned.values()) {
            if (control.isOver()
                    || alone
                    || isolatedFirst && !each.crashes().isIsolating()
                    || each.isWindowFull()
                    || readAhead.isFull(each.partition(), owned.size())) {
                full.add(each.partition());
            }
        }
        Set<TopicPartition> paused = consumer.paused();
        if (!paused.equals(full)) {
            consumer.resume(paused.stream().filter(each -> !full.contains(each)).toList());
            consumer.pause(full);
        }
    }

    private boolean mayHaveMore(TopicPartition partition) {
        OptionalLong lag = consumer.currentLag(partition);
        return lag.isEmpty() || lag.getAsLong() > 0;
    }

    /** Leaves the group. */
    @Override
    public void close() {
        consumer.close(CloseOptions.timeout(control.isCutOff() ? Duration.ZERO : CLIENT_CLOSE));
    }
}
