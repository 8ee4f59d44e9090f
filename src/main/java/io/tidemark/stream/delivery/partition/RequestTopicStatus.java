package io.tidemark.stream.delivery.partition;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.TopicPartition;

/**
 * What happened to the partitions of the request topics, for metrics: requests that were deleted before a worker read
 * them, logs that were truncated or replaced, offsets behind open transactions, and deaths of owners. Thread-safe.
 */
public final class RequestTopicStatus {

    private final Map<String, AtomicLong> expired = new ConcurrentHashMap<>();
    private final Map<String, AtomicLong> replaced = new ConcurrentHashMap<>();
    private final Map<String, AtomicLong> deaths = new ConcurrentHashMap<>();
    private final Map<TopicPartition, Long> heldBack = new ConcurrentHashMap<>();

    /** Offsets of a topic that retention has deleted before they were read. Markers of transactions count, too. */
    public long expiredUnread(String topic) {
        return count(expired, topic).get();
    }

    /** How often a partition of a topic was truncated, or its topic created again, below what the group has read. */
    public long replacedLogs(String topic) {
        return count(replaced, topic).get();
    }

    /** Offsets of the owned partitions of a topic that can't be read because a transaction before them is open. */
    public long heldBack(String topic) {
        return heldBack.entrySet().stream()
                .filter(each -> each.getKey().topic().equals(topic))
                .mapToLong(Map.Entry::getValue)
                .sum();
    }

    /** Deaths of owners of a topic's partitions that this worker has counted, one for each partition with requests. */
    public long deaths(String topic) {
        return count(deaths, topic).get();
    }

    void expired(String topic, long offsets) {
        count(expired, topic).addAndGet(offsets);
    }

    void replaced(String topic) {
        count(replaced, topic).incrementAndGet();
    }

    /** The owner of a partition has died while its requests may have been running. */
    void died(String topic) {
        count(deaths, topic).incrementAndGet();
    }

    /** Replaces what is known of the owned partitions. */
    void heldBack(Map<TopicPartition, Long> offsets) {
        heldBack.keySet().retainAll(offsets.keySet());
        heldBack.putAll(offsets);
    }

    private static AtomicLong count(Map<String, AtomicLong> counts, String topic) {
        return counts.computeIfAbsent(topic, any -> new AtomicLong());
    }
}
