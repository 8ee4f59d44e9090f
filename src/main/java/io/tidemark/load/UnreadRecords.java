package io.tidemark.load;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.jboss.logging.Logger;

/**
 * Estimates how many records of the owned partitions this worker has not read: the offsets up to the last stable one,
 * times the records per offset lately, because the markers of transactions and aborted records use offsets, too.
 *
 * <p>The last stable offsets are read every {@value #LIST_SECONDS} s with an admin client, because the consumer learns
 * nothing of paused partitions. Used by the thread that polls; no call waits. The offsets arrive on the thread of the
 * admin client. A partition without an answer keeps its last one.
 */
public final class UnreadRecords {

    private static final Logger LOG = Logger.getLogger(UnreadRecords.class);
    private static final long LIST_SECONDS = 5;
    private static final int TIMEOUT_MS = 5_000;
    private static final long LIST_NANOS = TimeUnit.SECONDS.toNanos(LIST_SECONDS);

    private final Listing listing;
    private final Function<TopicPartition, OptionalLong> positions;
    private final Map<TopicPartition, Long> read = new HashMap<>();
    private final Map<TopicPartition, Long> lastPositions = new HashMap<>();
    private final Map<String, Density> densities = new HashMap<>();
    private final Map<TopicPartition, Long> ends = new ConcurrentHashMap<>();
    private volatile boolean listed = true;
    private volatile boolean failed;
    private long listedNanos;
    private boolean due = true;

    /** Reads the last stable offsets of partitions. Does not wait; the answers may come on any thread. */
    public interface Listing {
        Map<TopicPartition, CompletableFuture<Long>> of(Collection<TopicPartition> partitions);
    }

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
    public UnreadRecords(Listing listing, Function<TopicPartition, OptionalLong> positions) {
        this.listing = listing;
        this.positions = positions;
    }

    /** Reads the offsets with an admin client. */
    public static Listing listing(Admin admin) {
        return partitions -> {
            ListOffsetsResult offsets = admin.listOffsets(
                    partitions.stream().collect(Collectors.toMap(each -> each, each -> OffsetSpec.latest())),
                    new ListOffsetsOptions(IsolationLevel.READ_COMMITTED).timeoutMs(TIMEOUT_MS));
            return partitions.stream()
                    .collect(Collectors.toMap(
                            each -> each,
                            each -> offsets.partitionResult(each)
                                    .toCompletionStage()
                                    .thenApply(ListOffsetsResult.ListOffsetsResultInfo::offset)
                                    .toCompletableFuture()));
        };
    }

    /** Called for each record that was read. */
    public void read(TopicPartition partition) {
        read.merge(partition, 1L, Long::sum);
    }

    /** Called when partitions were assigned and their positions are known. Their last stable offsets are read soon. */
    public void assigned(Collection<TopicPartition> partitions) {
        due = true;
        partitions.forEach(each -> positions.apply(each).ifPresent(position -> lastPositions.put(each, position)));
    }

    /**
     * The estimate for each topic of the owned partitions.
     *
     * @param nanos the time since an arbitrary moment, which is the same for all calls
     */
    public Map<String, Double> byTopic(Collection<TopicPartition> owned, long nanos) {
        lastPositions.keySet().retainAll(owned);
        read.keySet().retainAll(owned);
        ends.keySet().retainAll(owned);
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
        if (!listed || owned.isEmpty() || !due && nanos - listedNanos < LIST_NANOS) {
            return;
        }
        due = false;
        listed = false;
        listedNanos = nanos;
        List<CompletableFuture<Void>> answers = listing.of(List.copyOf(owned)).entrySet().stream()
                .map(each -> each.getValue().thenAccept(end -> ends.put(each.getKey(), end)))
                .toList();
        CompletableFuture.allOf(answers.toArray(CompletableFuture[]::new)).whenComplete((done, failure) -> {
            if (failure != null && !failed) {
                LOG.warnf("the ends of request topics are not known exactly: %s", failure.getMessage());
            }
            failed = failure != null;
            listed = true;
        });
    }
}
