package io.tidemark.benchmark.scaling;

import java.util.List;

/**
 * What a simulation has measured. A request is late if its first token comes after the target; a request that starts
 * again counts with the first token of the attempt that ends.
 *
 * @param requests       number of requests, all of which have ended
 * @param lateShare      share of late requests
 * @param lateTime       share of the time in which a request without a token is older than the target
 * @param medianWait     median time to the first token in seconds
 * @param p99Wait        99th percentile of the time to the first token in seconds
 * @param replicaHours   time of all pods during the trace, from their creation to their end
 * @param scaleOuts      number of increases
 * @param scaleIns       number of decreases
 * @param repeatedTokens share of tokens that were processed in attempts that did not end
 * @param minutes        the course of the trace
 */
public record ScalingResult(
        int requests,
        double lateShare,
        double lateTime,
        double medianWait,
        double p99Wait,
        double replicaHours,
        int scaleOuts,
        int scaleIns,
        double repeatedTokens,
        List<Minute> minutes) {

    public ScalingResult {
        minutes = List.copyOf(minutes);
    }

    /**
     * The state at the end of a minute.
     *
     * @param neededWorkers workers that the requests of this minute keep busy, at the highest throughput
     * @param replicas      wanted pods
     * @param oldestWait    age of the oldest request without a token, in seconds
     */
    public record Minute(double neededWorkers, int replicas, double oldestWait) {}
}
