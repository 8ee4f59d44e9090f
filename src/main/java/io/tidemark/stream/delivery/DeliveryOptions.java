package io.tidemark.stream.delivery;

import io.tidemark.load.HeapBudget;
import io.tidemark.stream.topics.TransactionalId;
import java.time.Duration;

/**
 * How a worker takes part in the delivery of requests.
 *
 * @param process         transactional id of this process, and its client id in the group
 * @param maxRunning      requests that have started and have no answer, at most
 * @param lowerShare      share of starts of lower topics, 0 to 1
 * @param maxRequestBytes larger requests are rejected, and not kept completely
 * @param budget          shares of the heap
 * @param revokeGrace     time that requests of a revoked partition have to end
 */
public record DeliveryOptions(
        TransactionalId process,
        int maxRunning,
        double lowerShare,
        int maxRequestBytes,
        HeapBudget budget,
        Duration revokeGrace) {}
