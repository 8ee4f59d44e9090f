package io.tidemark.stream.delivery;

import java.util.Optional;
import java.util.OptionalLong;

/**
 * The log of a partition as its leader describes it. What is not known in time is empty.
 *
 * @param topic id of the topic
 * @param start the first offset that retention has kept
 * @param end   the high watermark
 */
record PartitionLog(Optional<String> topic, OptionalLong start, OptionalLong end) {

    static final PartitionLog UNKNOWN = new PartitionLog(Optional.empty(), OptionalLong.empty(), OptionalLong.empty());
}
