package io.tidemark.cli;

import io.tidemark.client.BoundaryTopic;
import io.tidemark.client.Cluster;
import io.tidemark.client.Topics;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Option;

/** The options of every command that talks to a broker as a client. */
public final class BrokerAddress {

    @Option(
            names = "--broker",
            paramLabel = "HOST:PORT",
            defaultValue = "${env:KAFKA_BOOTSTRAP_SERVERS:-localhost:9092}",
            description = "Kafka's bootstrap servers. Default: $KAFKA_BOOTSTRAP_SERVERS, else localhost:9092.")
    private String brokers;

    @Option(
            names = "--kafka",
            paramLabel = "PROPERTY=VALUE",
            description = "A property for the Kafka clients, such as security.protocol=SSL; may be repeated.")
    private Map<String, String> properties = new LinkedHashMap<>();

    @Option(
            names = "--topic-prefix",
            paramLabel = "PREFIX",
            description = "The prefix of the topics' names. Default: $TIDEMARK_TOPICS_PREFIX, else none.")
    private Optional<String> prefix = Optional.empty();

    Cluster cluster() {
        return new Cluster(brokers, properties);
    }

    Topics topics() {
        return ConfiguredTopics.topics(prefix);
    }

    /** @throws CommandFailed when the cluster does not answer, or the topic is not there */
    public BoundaryTopic boundaries() {
        cluster().requireTopics(topics().boundaries());
        return new BoundaryTopic(cluster(), topics());
    }
}
