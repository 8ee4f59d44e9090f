package io.tidemark.stream.delivery;

import io.tidemark.load.HeapBudget;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.TopicPartition;

/**
 * The requests that were read and have not started, and the order in which they start. Topics come in the order of
 * their priority: while one has requests, the lower ones together get a fixed share of the starts, among themselves by
 * the same rule. The partitions of a topic take turns, so that a flood on one of them does not delay the others.
 * Requests of one partition start in the order of their offsets. Not thread-safe.
 *
 * <p>Counts the bytes of the records, in all and by partition. {@link #isFull} says of which partitions no more should
 * be read. A partition without records is full only if all records together have the budget.
 */
final class ReadAhead {

    private final List<String> topics;
    private final double lowerShare;
    private final int capacity;
    private final HeapBudget budget;
    private final Map<TopicPartition, Long> bytes = new HashMap<>();
    /** The requests of each topic, by partition; the partition whose turn is next comes first. */
    private final List<Map<TopicPartition, Deque<Delivery>>> queues = new ArrayList<>();
    /** Of each topic: the share of starts that the topics below it have not had yet. */
    private final double[] credits;

    /**
     * @param topics     in order of priority
     * @param lowerShare share of starts of the topics below one that has requests, 0 to 1
     * @param capacity   requests of a partition beyond which no more should be read
     * @param budget     for the bytes of the records
     */
    ReadAhead(List<String> topics, double lowerShare, int capacity, HeapBudget budget) {
        this.topics = List.copyOf(topics);
        this.lowerShare = lowerShare;
        this.capacity = capacity;
        this.budget = budget;
        this.credits = new double[topics.size()];
        topics.forEach(topic -> queues.add(new LinkedHashMap<>()));
    }

    void add(Delivery delivery) {
        queue(delivery.partition()).add(delivery);
        bytes.merge(delivery.partition(), delivery.readBytes(), Long::sum);
    }

    int size() {
        return queues.stream()
                .flatMap(partitions -> partitions.values().stream())
                .mapToInt(Deque::size)
                .sum();
    }

    /** Bytes of the records. */
    long bytes() {
        return bytes.values().stream().mapToLong(Long::longValue).sum();
    }

    /** @param partitions partitions among which the bytes are divided */
    boolean isFull(TopicPartition partition, int partitions) {
        return queue(partition).size() >= capacity
                || bytes.getOrDefault(partition, 0L) >= budget.readBytes(partitions)
                || bytes() >= budget.readBytes();
    }

    /** The next request of a partition, which is not removed. */
    Optional<Delivery> peek(TopicPartition partition) {
        return Optional.ofNullable(queue(partition).peek());
    }

    /** Removes and returns the next request of a partition. */
    Optional<Delivery> take(TopicPartition partition) {
        return Optional.ofNullable(queue(partition).poll()).map(this::taken);
    }

    /** Removes and returns the request that starts next. */
    Optional<Delivery> take() {
        return take(0);
    }

    private Delivery taken(Delivery delivery) {
        bytes.merge(delivery.partition(), -delivery.readBytes(), Long::sum);
        return delivery;
    }

    /** Removes the requests of a partition. */
    void remove(TopicPartition partition) {
        bytes.remove(partition);
        queues.get(topics.indexOf(partition.topic())).remove(partition);
    }

    private Optional<Delivery> take(int topic) {
        int first = firstWithRequests(topic);
        if (first < 0) {
            return Optional.empty();
        }
        if (firstWithRequests(first + 1) >= 0) {
            credits[first] += lowerShare;
            if (credits[first] > 1 - 1e-9) {
                credits[first] -= 1;
                return take(first + 1);
            }
        }
        Map<TopicPartition, Deque<Delivery>> partitions = queues.get(first);
        TopicPartition turn = partitions.entrySet().stream()
                .filter(each -> !each.getValue().isEmpty())
                .findFirst()
                .orElseThrow()
                .getKey();
        Deque<Delivery> queue = partitions.remove(turn);
        partitions.put(turn, queue);
        return Optional.of(taken(queue.remove()));
    }

    private int firstWithRequests(int from) {
        for (int topic = from; topic < queues.size(); topic++) {
            if (queues.get(topic).values().stream().anyMatch(queue -> !queue.isEmpty())) {
                return topic;
            }
        }
        return -1;
    }

    private Deque<Delivery> queue(TopicPartition partition) {
        return queues.get(topics.indexOf(partition.topic())).computeIfAbsent(partition, any -> new ArrayDeque<>());
    }
}
