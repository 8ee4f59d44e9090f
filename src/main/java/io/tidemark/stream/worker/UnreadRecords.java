package io.tidemark.stream.worker;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.jboss.logging.Logger;

/**
 * Estimates how many records of the owned partitions this worker has not read: the offsets up to the last stable one,
 * times the records per offset lately, because the markers of transactions and aborted records use offsets, too.
 *
 * <p>The admin client reads the last stable offsets every {@value #LIST_SECONDS} s, because the consumer learns nothing
 * of paused partitions. Used by the thread that polls; no call waits. The offsets arrive on the thread of the admin
 * client.
 */
final class UnreadRecords {

    private static final Logger LOG = Logger.getLogger(UnreadRecords.class);
    private static final long LIST_SECONDS = 5;
    private static final long LIST_NANOS = TimeUnit.SECONDS.toNanos(LIST_SECONDS);

    private final Admin admin;
    private final Function<TopicPartition, OptionalLong> positions;
    private final Map<TopicPartition, Long> read = new HashMap<>();
    private final Map<TopicPartition, Long> lastPositions = new HashMap<>();
    private final Map<String, Density> densities = new HashMap<>();
    private volatile Map<TopicPartition, Long> ends = Map.of();
    private volatile boolean listing;
    private long listedNanos;
    private boolean due = true;

    /** Records per offset of a topic; about the last {@value #OFFSETS} offsets count. */
    private static final class Density {

        private static final double OFFSETS = 1000;

        /** As if one offset with a record had been read before. */
        private double records = 1;

        private double offsets = 1;

        private void add(long newRecords, long newOffsets) {
            records += newRecords;
            offsets += newOffsets;
            double kept = Math.min(1, OFFSETS / offsets);
            records *= kept;
            offsets *= kept;
        }
    }

    /** @param positions the position of the consumer, which is behind the last record that it has delivered */
    UnreadRecords(Admin admin, Function<TopicPartition, OptionalLong> positions) {
        this.admin = admin;
        this.positions = positions;
    }

    /** Called for each record that was read. */
    void read(TopicPartition partition) {
        read.merge(partition, 1L, Long::sum);
    }

    /** Called when partitions were assigned and their positions are known. Their last stable offsets are read soon. */
    void assigned(Collection<TopicPartition> partitions) {
        due = true;
        partitions.forEach(each -> positions.apply(each).ifPresent(position -> lastPositions.put(each, position)));
    }

    /** The estimate for each topic of the owned partitions. */
    Map<String, Double> byTopic(Collection<TopicPartition> owned, long nanos) {
        lastPositions.keySet().retainAll(owned);
        read.keySet().retainAll(owned);
        Map<String, Long> offsets = new HashMap<>();
        for (TopicPartition partition : owned) {
            positions.apply(partition).ifPresent(position -> {
                advance(partition, position);
                long end = ends.getOrDefault(partition, position);
                offsets.merge(partition.topic(), Math.max(0, end - position), Long::sum);
            });
        }
        list(owned, nanos);
        return offsets.entrySet().stream()
                .collect(Collectors.toMap(Map.Entry::getKey, each -> each.getValue() * density(each.getKey())));
    }

    private void advance(TopicPartition partition, long position) {
        Long last = lastPositions.put(partition, position);
        Long records = read.remove(partition);
        if (last != null && position > last) {
            densities
                    .computeIfAbsent(partition.topic(), any -> new Density())
                    .add(records == null ? 0 : records, position - last);
        }
    }

    private double density(String topic) {
        Density density = densities.get(topic);
        return density == null ? 1 : density.records / density.offsets;
    }

    private void list(Collection<TopicPartition> owned, long nanos) {
        if (listing || owned.isEmpty() || !due && nanos - listedNanos < LIST_NANOS) {
            return;
        }
        due = false;
        listing = true;
        listedNanos = nanos;
        admin.listOffsets(
                        owned.stream().collect(Collectors.toMap(each -> each, each -> OffsetSpec.latest())),
                        new ListOffsetsOptions(IsolationLevel.READ_COMMITTED))
                .all()
                .whenComplete((offsets, failure) -> {
                    if (failure == null) {
                        ends = offsets.entrySet().stream()
                                .collect(Collectors.toMap(
                                        Map.Entry::getKey,
                                        each -> each.getValue().offset()));
                    } else {
                        LOG.debugf("the ends of topics of requests could not be read: %s", failure.getMessage());
                    }
                    listing = false;
                });
    }
}
