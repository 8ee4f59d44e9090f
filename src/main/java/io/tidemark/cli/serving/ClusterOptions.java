package io.tidemark.cli.serving;

import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.FailureText;
import io.tidemark.client.AdapterTopic;
import io.tidemark.client.BoundaryTopic;
import io.tidemark.client.CalibrationStates;
import io.tidemark.client.Cluster;
import io.tidemark.client.DecisionTopic;
import io.tidemark.client.Topics;
import io.tidemark.client.WorkerStates;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import picocli.CommandLine.Option;

/** The options of every command that connects to a Kafka cluster as a client. */
public final class ClusterOptions {

    private static final String BROKERS = "bootstrap.servers";
    private static final Path STDIN = Path.of("-");

    @Option(
            names = "--broker",
            paramLabel = "HOST:PORT",
            description = "Kafka's bootstrap servers. Default: bootstrap.servers of --kafka-config, otherwise"
                    + " $KAFKA_BOOTSTRAP_SERVERS, otherwise localhost:9092.")
    private Optional<String> brokers = Optional.empty();

    @Option(
            names = "--kafka-config",
            paramLabel = "FILE",
            description = "A file of properties of the Kafka clients, such as a login; - is stdin. The file of"
                    + " --command-config of Kafka's tools works.")
    private Optional<Path> file = Optional.empty();

    @Option(
            names = "--kafka",
            paramLabel = "PROPERTY=VALUE",
            description = "A property of the Kafka clients, such as security.protocol=SSL; may be repeated. It"
                    + " replaces the one of --kafka-config.")
    private Map<String, String> properties = new LinkedHashMap<>();

    @Option(
            names = "--topic-prefix",
            paramLabel = "PREFIX",
            description = "Prefix of the topics' names. Default: $TIDEMARK_TOPICS_PREFIX, otherwise none.")
    private Optional<String> prefix = Optional.empty();

    private Optional<Cluster> cluster = Optional.empty();

    /**
     * The cluster of the options. The file is read once, so it may be stdin.
     *
     * @throws CommandException when the file of the properties cannot be read
     */
    public Cluster cluster() {
        if (cluster.isEmpty()) {
            Map<String, String> all = new LinkedHashMap<>();
            file.ifPresent(path -> all.putAll(read(path)));
            all.putAll(properties);
            Optional<String> configured = Optional.ofNullable(all.remove(BROKERS));
            String address = brokers.or(() -> configured)
                    .or(() -> Optional.ofNullable(System.getenv("KAFKA_BOOTSTRAP_SERVERS")))
                    .orElse("localhost:9092");
            requirePorts(address);
            cluster = Optional.of(new Cluster(address, all));
        }
        return cluster.get();
    }

    public Topics topics() {
        return CommandSettings.topics(prefix);
    }

    /** @throws io.tidemark.client.ClientException when no broker answers or the topic does not exist */
    public BoundaryTopic boundaries() {
        cluster().requireTopics(topics().boundaries());
        return new BoundaryTopic(cluster(), topics());
    }

    /** @throws io.tidemark.client.ClientException when no broker answers or the topic does not exist */
    public DecisionTopic decisions() {
        cluster().requireTopics(topics().boundaryDecisions());
        return new DecisionTopic(cluster(), topics());
    }

    /** @throws io.tidemark.client.ClientException when no broker answers or the topic does not exist */
    public CalibrationStates calibrationStates() {
        cluster().requireTopics(topics().calibrationState());
        return new CalibrationStates(cluster(), topics());
    }

    /** @throws io.tidemark.client.ClientException when no broker answers or the topic does not exist */
    public AdapterTopic adapters() {
        cluster().requireTopics(topics().adapters());
        return new AdapterTopic(cluster(), topics());
    }

    /** @throws io.tidemark.client.ClientException when no broker answers or the topic does not exist */
    public WorkerStates workerStates() {
        cluster().requireTopics(topics().workerState());
        return new WorkerStates(cluster(), topics());
    }

    private static void requirePorts(String addresses) {
        for (String address : addresses.split(",")) {
            if (!address.strip().matches(".+:\\d+")) {
                throw new CommandException("'" + address.strip() + "' is not the address of a broker: write HOST:PORT,"
                        + " such as localhost:9092, in --broker, --kafka-config or KAFKA_BOOTSTRAP_SERVERS");
            }
        }
    }

    private static Map<String, String> read(Path file) {
        Properties read = new Properties();
        try (InputStream in = file.equals(STDIN) ? System.in : Files.newInputStream(file)) {
            read.load(new InputStreamReader(in, StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new CommandException("--kafka-config " + file + " cannot be read: " + FailureText.oneLine(e), e);
        } catch (IllegalArgumentException e) {
            // the message of a malformed escape contains no value
            throw new CommandException("--kafka-config " + file + " is not a properties file: " + e.getMessage(), e);
        }
        Map<String, String> values = new LinkedHashMap<>();
        read.stringPropertyNames().forEach(name -> values.put(name, read.getProperty(name)));
        return values;
    }
}
