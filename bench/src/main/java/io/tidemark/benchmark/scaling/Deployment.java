package io.tidemark.benchmark.scaling;

import java.util.Map;
import java.util.TreeMap;

/**
 * Properties of the workers, of the request topic and of the ScaledObject.
 *
 * @param throughput       the speed of each worker
 * @param maxNumSeqs       running sequences, as in {@code tidemark.engine.max-num-seqs}
 * @param maxQueued        requests that wait in the engine, as in {@code tidemark.engine.max-queued-requests}
 * @param startSeconds     time from the creation of the pod until the worker joins the consumer group
 * @param partitions       number of partitions of the request topic
 * @param rebalanceSeconds time without an owner of a partition that moves
 * @param maxReplicas      {@code maxReplicaCount}; {@code minReplicaCount} is 1
 */
record Deployment(
        Throughput throughput,
        int maxNumSeqs,
        int maxQueued,
        double startSeconds,
        int partitions,
        double rebalanceSeconds,
        int maxReplicas) {

    /** Time of running requests of a partition that moves, as in {@code tidemark.worker.revoke-grace}. */
    static final double REVOKE_GRACE = 10;
    /** Time of open requests after SIGTERM, as in {@code tidemark.worker.shutdown-grace}. */
    static final double SHUTDOWN_GRACE = 20;
    /** Age of the values that the scaler reads: Prometheus scrapes workers and evaluates rules. */
    static final double METRICS_SECONDS = 10;

    /**
     * SmolLM2-135M in {@code int8} on two cores for each worker. Requests of 32 prompt tokens and 32 new ones have the
     * measured throughput of an earlier build through Kafka.
     */
    static final Deployment SMOLLM2 = new Deployment(
            new Throughput(new TreeMap<>(Map.of(1, 81.0, 8, 410.0, 16, 605.0, 32, 743.0)), 1500),
            32,
            16,
            20,
            48,
            3,
            12);
}
