package io.tidemark.stream.delivery.partition;

import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * The log of a partition as its leader describes it. What is not known in time is empty.
 *
 * @param topic id of the topic
 * @param start the first offset that retention has kept
 * @param end   the high watermark
 * @param epoch the newest leader epoch
 */
record PartitionLog(Optional<String> topic, OptionalLong start, OptionalLong end, OptionalInt epoch) {

    /** The identity of a commit without an epoch that this log can't have, which only another program can have set. */
    LogIdentity possible(LogIdentity committed) {
        boolean isFuture = committed.epoch().isPresent()
                && epoch.isPresent()
                && committed.epoch().getAsInt() > epoch.getAsInt();
        return isFuture ? new LogIdentity(committed.topic(), OptionalInt.empty()) : committed;
    }

    /** Whether the leader can compare its log with that of a commit: an epoch of another topic has no meaning. */
    boolean isComparable(LogIdentity committed) {
        return epoch.isPresent()
                && possible(committed).epoch().isPresent()
                && committed.topic().isPresent()
                && committed.topic().equals(topic);
    }
}
