package io.tidemark.cli;

import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.tidemark.cli.client.Cluster;
import io.tidemark.stream.settings.TidemarkSettings;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.topics.TopicSetup;
import org.apache.kafka.clients.admin.Admin;

/** The topics on a broker that stands alone: the same layout, from the same settings, as a worker makes. */
final class BrokerTopics {

    private static final String PREFIX = "tidemark.topics";

    private BrokerTopics() {
    }

    /** Creates what is missing; settings come from system properties and environment variables. */
    static void ensure(Cluster cluster) {
        SmallRyeConfig config = new SmallRyeConfigBuilder().addDefaultSources()
                .withMapping(TidemarkSettings.Topics.class, PREFIX).build();
        TopicLayout layout = TopicLayout.of(config.getConfigMapping(TidemarkSettings.Topics.class, PREFIX));
        try (Admin admin = cluster.admin()) {
            TopicSetup.ensure(admin, layout);
        }
    }
}
