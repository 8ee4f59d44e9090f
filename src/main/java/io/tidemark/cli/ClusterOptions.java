package io.tidemark.cli;

import io.tidemark.cli.serving.CommandSettings;
import io.tidemark.client.BoundaryTopic;
import io.tidemark.client.CalibrationStates;
import io.tidemark.client.Cluster;
import io.tidemark.client.DecisionTopic;
import io.tidemark.client.Topics;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Option;

/** The options of every command that connects to a Kafka cluster as a client. */
final class ClusterOptions {

    @Option(
            names = "--broker",
            paramLabel = "HOST:PORT",
            defaultValue = "${env:KAFKA_BOOTSTRAP_SERVERS:-localhost:9092}",
            description = "Kafka's bootstrap servers. Default: $KAFKA_BOOTSTRAP_SERVERS, otherwise localhost:9092.")
    private String brokers;

    @Option(
            names = "--kafka",
            paramLabel = "PROPERTY=VALUE",
            description = "A property of the Kafka clients, such as security.protocol=SSL; may be repeated.")
    private Map<String, String> properties = new LinkedHashMap<>();

    @Option(
            names = "--topic-prefix",
            paramLabel = "PREFIX",
            description = "Prefix of the topics' names. Default: $TIDEMARK_TOPICS_PREFIX, otherwise none.")
    private Optional<String> prefix = Optional.empty();

    Cluster cluster() {
        return new Cluster(brokers, properties);
    }

    Topics topics() {
        return CommandSettings.topics(prefix);
    }

    /** @throws io.tidemark.client.ClientException when no broker answers or the topic does not exist */
    BoundaryTopic boundaries() {
        cluster().requireTopics(topics().boundaries());
        return new BoundaryTopic(cluster(), topics());
    }

    /** @throws io.tidemark.client.ClientException when no broker answers or the topic does not exist */
    DecisionTopic decisions() {
        cluster().requireTopics(topics().boundaryDecisions());
        return new DecisionTopic(cluster(), topics());
    }

    /** @throws io.tidemark.client.ClientException when no broker answers or the topic does not exist */
    CalibrationStates calibrationStates() {
        cluster().requireTopics(topics().calibrationState());
        return new CalibrationStates(cluster(), topics());
    }
}
