package io.tidemark.stream.calibrator;

import io.tidemark.time.Time;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * The membership of a calibrator in its consumer group: the partitions that it owns, and the polls that keep them.
 * While a batch is handled, {@link #keepAlive} polls with all partitions paused, so that the consumer stays in its
 * group and handles rebalances although a batch takes longer than {@code max.poll.interval.ms}. Not thread-safe; used
 * by the calibrator's thread only.
 */
final class GroupMembership {

    private static final Duration POLL = Duration.ofMillis(200);
    private static final Duration KEEP_ALIVE = Duration.ofMillis(200);

    /** Told about changes of the owned partitions, within a poll. */
    interface Changes {

        /** The committed positions of new partitions were read. The partitions are not owned yet. */
        void assigned();

        /** The partitions are still owned, and will not be after this. */
        void revoked(Collection<TopicPartition> partitions);
    }

    private final Consumer<byte[], byte[]> consumer;
    private final Time time;

    /** The partitions that this member owns, each with its position when it was assigned. */
    private final Map<TopicPartition, Long> owned = new HashMap<>();

    private long lastKeptAlive;

    /** @param consumer the consumer in the group; subscribes with {@link #join}, and is closed by its owner */
    GroupMembership(Consumer<byte[], byte[]> consumer, Time time) {
        this.consumer = consumer;
        this.time = time;
        this.lastKeptAlive = time.nanoTime() - KEEP_ALIVE.toNanos();
    }

    /** Joins the group with the next {@link #poll}. */
    void join(Collection<String> topics, Changes changes) {
        consumer.subscribe(topics, new ConsumerRebalanceListener() {
            @Override
            public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                // the committed offset first: reading it waits for the transaction of the previous owner to end, and
                // the tables then include what that transaction wrote
                Map<TopicPartition, Long> positions =
                        partitions.stream().collect(Collectors.toMap(partition -> partition, consumer::position));
                changes.assigned();
                owned.putAll(positions);
            }

            @Override
            public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                changes.revoked(partitions);
                partitions.forEach(owned::remove);
            }

            @Override
            public void onPartitionsLost(Collection<TopicPartition> partitions) {
                partitions.forEach(owned::remove);
            }
        });
    }

    /** The next records of the owned partitions. */
    ConsumerRecords<byte[], byte[]> poll() {
        return consumer.poll(POLL);
    }

    /** Whether the group has admitted this member. */
    boolean isMember() {
        return !consumer.groupMetadata().memberId().isEmpty();
    }

    boolean owns(TopicPartition partition) {
        return owned.containsKey(partition);
    }

    /** The committed offset of a partition of the group. */
    Optional<OffsetAndMetadata> committed(TopicPartition partition) {
        return Optional.ofNullable(consumer.committed(Set.of(partition)).get(partition));
    }

    /**
     * The committed offset of an owned partition. A commit of it changes nothing, and fails after this member has lost
     * its partitions. Empty if this member owns none.
     */
    Map<TopicPartition, OffsetAndMetadata> anyPosition() {
        return owned.keySet().stream()
                .findAny()
                .map(partition -> Map.of(
                        partition, committed(partition).orElseGet(() -> new OffsetAndMetadata(owned.get(partition)))))
                .orElse(Map.of());
    }

    /** Polls if the last call that polled was 200 ms ago or earlier. */
    void keepAlive() {
        if (time.nanosSince(lastKeptAlive) < KEEP_ALIVE.toNanos()) {
            return;
        }
        consumer.pause(consumer.assignment());
        ConsumerRecords<byte[], byte[]> early = consumer.poll(Duration.ZERO);
        // partitions that this poll assigned were not paused: seek back, so that their records are read later
        for (TopicPartition partition : early.partitions()) {
            consumer.seek(partition, early.records(partition).get(0).offset());
        }
        lastKeptAlive = time.nanoTime();
    }

    /** Resumes all partitions. */
    void resume() {
        consumer.resume(consumer.paused());
    }
}
