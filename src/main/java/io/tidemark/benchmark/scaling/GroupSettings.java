package io.tidemark.benchmark.scaling;

/**
 * Properties of the request topic and its consumer group.
 *
 * @param partitions       number of partitions
 * @param markers          offsets that transactional clients use for markers, per request
 * @param rebalanceSeconds time without an owner of a partition that moves
 * @param revokeGrace      time of running requests of a partition that moves, as in
 *                         {@code tidemark.worker.revoke-grace}
 */
public record GroupSettings(int partitions, double markers, double rebalanceSeconds, double revokeGrace) {

    public GroupSettings {
        if (partitions < 1 || !(markers >= 0) || !(rebalanceSeconds >= 0) || !(revokeGrace >= 0)) {
            throw new IllegalArgumentException("a topic needs a partition, and no negative times");
        }
    }
}
