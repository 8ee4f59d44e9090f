package io.tidemark.load;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.common.TopicPartition;

/**
 * Estimates how many records of the owned partitions this worker has not read: the offsets up to the last stable one,
 * times the records per offset lately, because the markers of transactions and aborted records use offsets, too.
 *
 * <p>Used by the thread that polls; no call waits.
 */
public final class UnreadRecords {

    private final Function<TopicPartition, OptionalLong> ends;
    private final Function<TopicPartition, OptionalLong> positions;
    private final Map<TopicPartition, Long> read = new HashMap<>();
    private final Map<TopicPartition, Long> lastPositions = new HashMap<>();
    private final Map<String, Density> densities = new HashMap<>();

    /** Records per offset of a topic; about the last {@value #OFFSETS} offsets count. */
    private static final class Density {

        private static final double OFFSETS = 1000;

        /** How many records were read lately. It starts as if one offset with a record had been read. */
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

    /**
     * @param ends      the last stable offset of a partition, as far as it is known
     * @param positions the position of the consumer, which is behind the last record that it has delivered
     */
    public UnreadRecords(
            Function<TopicPartition, OptionalLong> ends, Function<TopicPartition, OptionalLong> positions) {
        this.ends = ends;
        this.positions = positions;
    }

    /** Counts a record that was read. */
    public void read(TopicPartition partition) {
        read.merge(partition, 1L, Long::sum);
    }

    /** Begins to count the offsets of partitions that were assigned and whose positions are known. */
    public void assigned(Collection<TopicPartition> partitions) {
        partitions.forEach(each -> positions.apply(each).ifPresent(position -> lastPositions.put(each, position)));
    }

    /** The estimate for each topic of the owned partitions. */
    public Map<String, Double> byTopic(Collection<TopicPartition> owned) {
        lastPositions.keySet().retainAll(owned);
        read.keySet().retainAll(owned);
        Map<String, Long> offsets = new HashMap<>();
        for (TopicPartition partition : owned) {
            positions.apply(partition).ifPresent(position -> {
                advance(partition, position);
                long end = ends.apply(partition).orElse(position);
                offsets.merge(partition.topic(), Math.max(0, end - position), Long::sum);
            });
        }
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
}
