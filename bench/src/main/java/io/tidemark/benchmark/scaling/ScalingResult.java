package io.tidemark.benchmark.scaling;

/**
 * What a simulation has measured. A request is late if its first token comes after the target; a request that starts
 * again counts with the first token of the attempt that ends.
 *
 * @param lateShare      share of late requests
 * @param lateTime       share of the time in which a request without a token is older than the target
 * @param medianWait     median time to the first token in seconds
 * @param p99Wait        99th percentile of the time to the first token in seconds
 * @param replicaHours   time of all pods during the trace, from their creation to their end
 * @param scaleOuts      number of increases
 * @param scaleIns       number of decreases
 * @param repeatedTokens share of tokens that were processed in attempts that did not end
 */
public record ScalingResult(
        double lateShare,
        double lateTime,
        double medianWait,
        double p99Wait,
        double replicaHours,
        int scaleOuts,
        int scaleIns,
        double repeatedTokens) {}
