package io.tidemark.stream.delivery;

import io.tidemark.stream.delivery.commit.ResultProducers;
import io.tidemark.stream.delivery.commit.TopicProbe;
import io.tidemark.stream.delivery.start.ReadAhead;
import io.tidemark.load.HeapBudget;
import java.time.Duration;

/**
 * How a worker takes part in the delivery of requests.
 *
 * @param group           consumer group of the workers
 * @param transactionalId of this process, and its client id in the group; further ones of the process begin with it
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

    /** Between the transactional id of a process and what is added for a further one. */
    private static final String FURTHER = ".";

    private static final String PROBE = FURTHER + "probe";

    /** A further transactional id of a process, see {@link ResultProducers#renew}. */
    static String renewed(String transactionalId, int number) {
        return transactionalId + FURTHER + number;
    }

    /** A transactional id of a process for a probe, see {@link TopicProbe}. */
    static String ofProbe(String transactionalId, int number) {
        return transactionalId + PROBE + number;
    }

    /** Whether an id is one of {@link #ofProbe}. */
    static boolean isOfProbe(String id) {
        int end = id.lastIndexOf(PROBE);
        return end > 0 && id.substring(end + PROBE.length()).matches("\\d+");
    }

    /** Whether an id is that of a process, or a further one of it. */
    static boolean isOf(String transactionalId, String id) {
        return id.equals(transactionalId) || id.startsWith(transactionalId + FURTHER);
    }
}
