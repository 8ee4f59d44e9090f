package io.tidemark.stream.delivery;

import io.tidemark.load.HeapBudget;
import io.tidemark.request.Tenant;
import io.tidemark.stream.delivery.reply.Delivery;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.apache.kafka.common.TopicPartition;

/**
 * The requests that were read and have not started, and the order in which they start. {@link StartOrder} chooses the
 * tenant, of those for whose request {@link OpenShares} has space. The partitions of a tenant take turns, so that a
 * flood on one of them does not delay the others. Requests of one tenant and partition start in the order of their
 * offsets, except those whose adapter is being fetched: others pass them. Not thread-safe.
 *
 * <p>Counts the bytes of the records, in all and by partition. {@link #isFull} says of which partitions no more should
 * be read. A partition without records is full only if all records together have the budget. Delayed requests leave
 * space for others.
 */
final class ReadAhead {

    /** How many delayed requests of a partition are read ahead. */
    static final int MAX_DELAYED = 1_000;

    private final Tenants tenants;
    private final StartOrder order;
    private final int capacity;
    private final HeapBudget budget;
    private final Predicate<Delivery> delayed;
    private final Map<TopicPartition, Long> bytes = new HashMap<>();
    /** The requests of each tenant, by partition; the partition whose turn is next comes first. */
    private final Map<Tenant, Map<TopicPartition, Deque<Delivery>>> queues = new HashMap<>();

    /**
     * @param lowerShare share of starts of the ranks below one that has requests, 0 to 1
     * @param capacity   requests of a partition that could start beyond which no more should be read
     * @param budget     the budget for the bytes of the records
     * @param delayed    whether a request should not start yet
     */
    ReadAhead(Tenants tenants, double lowerShare, int capacity, HeapBudget budget, Predicate<Delivery> delayed) {
        this.tenants = tenants;
        this.order = new StartOrder(tenants, lowerShare);
        this.capacity = capacity;
        this.budget = budget;
        this.delayed = delayed;
        tenants.all().forEach(tenant -> queues.put(tenant, new LinkedHashMap<>()));
    }

    /** Adds a request that was read. */
    void add(Delivery delivery) {
        queues.get(delivery.request().tenant())
                .computeIfAbsent(delivery.partition(), any -> new ArrayDeque<>())
                .add(delivery);
        bytes.merge(delivery.partition(), delivery.readBytes(), Long::sum);
    }

    /** Counts a request as started, after it was taken. */
    void started(Delivery delivery) {
        order.started(delivery);
    }

    /**
     * Counts a request as ended. Has no effect for one that has not started.
     *
     * @param tokens that the request has used
     */
    void ended(Delivery delivery, long tokens) {
        order.ended(delivery, tokens);
    }

    int size() {
        return queues.values().stream()
                .flatMap(partitions -> partitions.values().stream())
                .mapToInt(Deque::size)
                .sum();
    }

    /** The heap of started requests while none has started. */
    OpenShares newOpenShares(int partitions) {
        return new OpenShares(budget.openBytes(), tenants.all().size(), partitions);
    }

    /** Bytes of the records. */
    long bytes() {
        return bytes.values().stream().mapToLong(Long::longValue).sum();
    }

    /**
     * Whether no more of a partition should be read.
     *
     * @param partitions partitions among which the bytes are divided
     */
    boolean isFull(TopicPartition partition, int partitions) {
        return isFull(queues(partition).toList())
                || bytes.getOrDefault(partition, 0L) >= budget.readBytes(partitions)
                || bytes() >= budget.readBytes();
    }

    private boolean isFull(List<Deque<Delivery>> partition) {
        int size = partition.stream().mapToInt(Deque::size).sum();
        return size >= capacity + MAX_DELAYED
                || size >= capacity
                        && partition.stream()
                                        .flatMap(Deque::stream)
                                        .filter(delayed.negate())
                                        .limit(capacity)
                                        .count()
                                == capacity;
    }

    /** The oldest request of each tenant and partition. None is removed. */
    Stream<Delivery> heads() {
        return queues.values().stream()
                .flatMap(partitions -> partitions.values().stream())
                .flatMap(queue -> Optional.ofNullable(queue.peek()).stream());
    }

    /** The next request of a partition, which is not removed. */
    Optional<Delivery> peek(TopicPartition partition) {
        return queues(partition)
                .flatMap(queue -> Optional.ofNullable(queue.peek()).stream())
                .min(Comparator.comparingLong(Delivery::offset));
    }

    /** Removes and returns the next request of a partition. */
    Optional<Delivery> take(TopicPartition partition) {
        Optional<Delivery> next = peek(partition);
        next.ifPresent(this::remove);
        return next;
    }

    /**
     * Removes and returns the request that starts next. A request that waits for space in the share of its tenant
     * delays the others of the tenant, so that they don't pass it forever.
     *
     * @param open the heap of the started requests
     */
    Optional<Delivery> take(OpenShares open) {
        Optional<Delivery> next =
                order.next(tenant -> turn(tenant, open).filter(delivery -> open.fits(delivery, delivery.openBytes())));
        if (next.isPresent()) {
            Delivery delivery = next.get();
            remove(delivery);
            // the turn of its partition comes last again
            Map<TopicPartition, Deque<Delivery>> partitions =
                    queues.get(delivery.request().tenant());
            partitions.put(delivery.partition(), partitions.remove(delivery.partition()));
        }
        return next;
    }

    /**
     * Removes requests in any order.
     *
     * @param open  those that started; the result is added
     * @param which requests to remove, if the heap has space for them
     */
    List<Delivery> take(OpenShares open, Predicate<Delivery> which) {
        List<Delivery> taken = new ArrayList<>();
        for (Map<TopicPartition, Deque<Delivery>> partitions : queues.values()) {
            for (Deque<Delivery> queue : partitions.values()) {
                for (Delivery delivery : queue) {
                    long most = delivery.openBytes();
                    if (which.test(delivery) && open.partitionFits(delivery, most) && open.fits(delivery, most)) {
                        open.add(delivery, most, true);
                        taken.add(delivery);
                    }
                }
            }
        }
        taken.forEach(this::remove);
        return taken;
    }

    private void remove(Delivery delivery) {
        queues.get(delivery.request().tenant()).get(delivery.partition()).remove(delivery);
        bytes.merge(delivery.partition(), -delivery.readBytes(), Long::sum);
    }

    /** Removes the requests of a partition. */
    void remove(TopicPartition partition) {
        bytes.remove(partition);
        queues.values().forEach(partitions -> partitions.remove(partition));
    }

    /**
     * The next request of a tenant, which is not removed: the first one that is not delayed, of the partition whose
     * turn is next, of those whose share of the heap has space for it.
     */
    private Optional<Delivery> turn(Tenant tenant, OpenShares open) {
        return queues.get(tenant).values().stream()
                .flatMap(queue -> queue.stream().filter(delayed.negate()).findFirst().stream())
                .filter(next -> open.partitionFits(next, next.openBytes()))
                .findFirst();
    }

    /** The requests of a partition by tenant. */
    private Stream<Deque<Delivery>> queues(TopicPartition partition) {
        return tenants.topic(partition.topic()).tenants().stream()
                .flatMap(share -> Optional.ofNullable(queues.get(share.tenant()).get(partition)).stream());
    }
}
