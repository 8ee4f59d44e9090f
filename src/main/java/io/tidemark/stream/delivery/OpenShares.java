package io.tidemark.stream.delivery;

import io.tidemark.request.Tenant;
import io.tidemark.stream.delivery.reply.Delivery;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;

/**
 * The heap of started requests until the commit of their answers: in all, of each tenant and of each partition. Says
 * whether one more request may start.
 *
 * <ul>
 *   <li>Started requests have at most the budget.
 *   <li>If there are several tenants, each has at most half of the budget. The same holds for partitions.
 *   <li>A tenant of which no request runs may start one, also beyond the budget, so that each request runs at last. It
 *       may not while its answers that are not committed use its share: answers that can't be written don't pile up.
 * </ul>
 *
 * <p>Valid for one moment. Not thread-safe.
 */
final class OpenShares {

    private final long budget;
    private final long tenantBudget;
    private final long partitionBudget;
    private final Use all = new Use();
    private final Map<Tenant, Use> tenants = new HashMap<>();
    private final Map<TopicPartition, Use> partitions = new HashMap<>();

    /** The use of one tenant or partition. */
    private static final class Use {

        private long bytes;
        private int running;

        private void add(long more, boolean runs) {
            bytes += more;
            running += runs ? 1 : 0;
        }

        private boolean fits(long more, long most) {
            return running == 0 ? bytes < most : bytes + more <= most;
        }
    }

    /**
     * @param budget     bytes of all started requests
     * @param tenants    tenants among which the budget is divided
     * @param partitions owned partitions
     */
    OpenShares(long budget, int tenants, int partitions) {
        this.budget = budget;
        this.tenantBudget = tenants > 1 ? budget / 2 : budget;
        this.partitionBudget = partitions > 1 ? budget / 2 : budget;
    }

    /**
     * Adds a request.
     *
     * @param runs false if it has its answer
     */
    void add(Delivery delivery, long bytes, boolean runs) {
        all.add(bytes, runs);
        tenant(delivery).add(bytes, runs);
        partition(delivery).add(bytes, runs);
    }

    /** Bytes of all requests. */
    long bytes() {
        return all.bytes;
    }

    /** Whether the share of the partition has space for a request. */
    boolean partitionFits(Delivery delivery, long bytes) {
        return partition(delivery).fits(bytes, partitionBudget);
    }

    /** Whether the budget and the share of the tenant have space for a request. */
    boolean fits(Delivery delivery, long bytes) {
        Use tenant = tenant(delivery);
        return tenant.fits(bytes, tenantBudget) && (tenant.running == 0 || all.bytes + bytes <= budget);
    }

    private Use tenant(Delivery delivery) {
        return tenants.computeIfAbsent(delivery.request().tenant(), any -> new Use());
    }

    private Use partition(Delivery delivery) {
        return partitions.computeIfAbsent(delivery.partition(), any -> new Use());
    }
}
