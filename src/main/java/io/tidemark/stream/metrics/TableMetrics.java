package io.tidemark.stream.metrics;

import io.micrometer.core.instrument.MeterRegistry;
import io.tidemark.stream.tables.TopicFollower;

/** The meter of each followed topic. */
public final class TableMetrics {

    private TableMetrics() {}

    /** Registers the lag of a follower. */
    public static void bind(MeterRegistry registry, TopicFollower follower) {
        String description = "offsets between the last record that was read and the end of the topic";
        new Meters(registry).gauge("tidemark.table.lag", description, follower::lag, "topic", follower.topic());
    }
}
