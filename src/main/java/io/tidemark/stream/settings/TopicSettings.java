package io.tidemark.stream.settings;

import io.smallrye.config.WithDefault;
import io.smallrye.config.WithParentName;
import jakarta.validation.constraints.Min;
import java.util.Optional;

/** {@code tidemark.topics.*}: names, partitions and copies of the topics that are created when missing. */
public interface TopicSettings {

    /** Put before each name, so that several deployments can share a cluster. */
    Optional<String> prefix();

    /** Partitions of requests, events, results and their dead letters. */
    @WithDefault("4")
    @Min(1)
    int partitions();

    /** Partitions of validation batches and their dead letters. */
    @WithDefault("1")
    @Min(1)
    int calibrationPartitions();

    /** Copies of each partition; -1 takes the broker's default. */
    @WithDefault("-1")
    short replicationFactor();

    @WithParentName
    TopicNames names();
}
