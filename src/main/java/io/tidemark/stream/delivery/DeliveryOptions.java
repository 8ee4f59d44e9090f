package io.tidemark.stream.delivery;

import io.tidemark.load.HeapBudget;
import java.time.Duration;

/**
 * How a worker takes part in the delivery of requests.
 *
 * @param group           consumer group of the workers
 * @param transactionalId of this process
 * @param maxRunning      requests that have started and have no answer, at most
 * @param lowerShare      share of starts of lower topics, see {@link ReadAhead}
 * @param maxRequestBytes larger requests are rejected, and not kept completely
 * @param budget          shares of the heap
 * @param revokeGrace     time that requests of a revoked partition have to end
 */
public record DeliveryOptions(
        String group,
        String transactionalId,
        int maxRunning,
        double lowerShare,
        int maxRequestBytes,
        HeapBudget budget,
        Duration revokeGrace) {

    /** Between group and worker in a transactional id. */
    public static final String SEPARATOR = "/";
}
