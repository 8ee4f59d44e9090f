package io.tidemark.cli;

import io.tidemark.client.Cluster;
import io.tidemark.stream.topics.TopicSetup;
import org.apache.kafka.clients.admin.Admin;

/** The topics on a broker that stands alone: the same layout, from the same settings, as a worker makes. */
final class BrokerTopics {

    private BrokerTopics() {}

    /** Creates what is missing. */
    static void ensure(Cluster cluster) {
        try (Admin admin = cluster.admin()) {
            TopicSetup.ensure(admin, ConfiguredTopics.layout());
        }
    }
}
