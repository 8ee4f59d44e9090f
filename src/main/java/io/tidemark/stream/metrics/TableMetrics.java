package io.tidemark.stream.metrics;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.tidemark.stream.tables.TopicFollower;

/** The meter of each followed topic. */
public final class TableMetrics {

    private TableMetrics() {}

    /** Registers the lag of a follower. */
    public static void bind(MeterRegistry registry, TopicFollower follower) {
        Gauge.builder("tidemark.table.lag", follower, TopicFollower::lag)
                .description("offsets between the last record that was read and the end of the topic")
                .tag("topic", follower.topic())
                .strongReference(true)
                .register(registry);
    }
}
