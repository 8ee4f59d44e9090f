package io.tidemark.broker;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.storage.Formatter;
import org.apache.kafka.server.common.MetadataVersion;

/**
 * A KRaft node, combined broker and controller, that listens on the loopback address. {@link #close} stops the node
 * cleanly; a later start with the same folder has the topics, records and committed offsets. Thread-safe.
 */
public final class EmbeddedBroker implements AutoCloseable {

    private static final int NODE_ID = 1;
    private static final String CONTROLLER_LISTENER = "CONTROLLER";
    /** The largest batch: what the workers' producers may send (5 MiB), and the overhead of a batch. */
    private static final int MESSAGE_MAX_BYTES = 6 * 1024 * 1024;

    /**
     * Loggers of Kafka's server, which prints several hundred settings and each state change. The field keeps them
     * reachable: java.util.logging forgets the level of a logger that is collected.
     */
    private static final List<Logger> KAFKA_LOGGERS =
            List.of(Logger.getLogger("kafka"), Logger.getLogger("org.apache.kafka"), Logger.getLogger("state.change"));

    private final KafkaRaftServer server;
    private final int port;
    private final Path folder;
    private final boolean temporary;

    private EmbeddedBroker(KafkaRaftServer server, int port, Path folder, boolean temporary) {
        this.server = server;
        this.port = port;
        this.folder = folder;
        this.temporary = temporary;
    }

    /**
     * Checks that this package of Tidemark contains Kafka's server, which images leave out.
     *
     * @throws BrokerException if it does not; the message says what to use instead
     */
    public static void requireServer() {
        try {
            Class.forName("kafka.server.KafkaRaftServer", false, EmbeddedBroker.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new BrokerException(
                    "images contain no Kafka broker: use a Kafka cluster (--broker HOST:PORT or"
                            + " KAFKA_BOOTSTRAP_SERVERS), or run this command in a checkout or from the archive",
                    e);
        }
    }

    /**
     * Starts a node and returns when it accepts connections, after one to two seconds. Sets the level of Kafka's server
     * loggers to SEVERE.
     *
     * @throws BrokerException if there is no server, the port is taken, or the folder cannot be used
     */
    public static EmbeddedBroker start(BrokerOptions options) {
        requireServer();
        boolean temporary = options.folder().isEmpty();
        KAFKA_LOGGERS.forEach(logger -> logger.setLevel(Level.SEVERE));
        try {
            Path folder = temporary
                    ? Files.createTempDirectory("tidemark-broker")
                    : options.folder().get();
            Files.createDirectories(folder);
            int port = options.port() == 0 ? freePort(0) : requireFree(options.port());
            Properties properties = properties(port, freePort(port), folder);
            properties.putAll(options.settings());
            if (!Files.exists(folder.resolve("meta.properties"))) {
                format(folder);
            }
            KafkaRaftServer server = new KafkaRaftServer(KafkaConfig.fromProps(properties, false), Time.SYSTEM);
            server.startup();
            return new EmbeddedBroker(server, port, folder, temporary);
        } catch (Exception e) {
            throw new BrokerException("could not start the embedded broker: " + e.getMessage(), e);
        }
    }

    /** The {@code bootstrap.servers} of clients. */
    public String bootstrapServers() {
        return "127.0.0.1:" + port;
    }

    public int port() {
        return port;
    }

    /** Stops the node and waits for it; deletes a temporary folder. */
    @Override
    public void close() {
        server.shutdown();
        server.awaitShutdown();
        if (temporary) {
            delete(folder);
        }
    }

    private static Properties properties(int port, int controllerPort, Path folder) {
        Properties properties = new Properties();
        properties.put("process.roles", "broker,controller");
        properties.put("node.id", Integer.toString(NODE_ID));
        properties.put(
                "listeners",
                "PLAINTEXT://127.0.0.1:" + port + "," + CONTROLLER_LISTENER + "://127.0.0.1:" + controllerPort);
        properties.put("advertised.listeners", "PLAINTEXT://127.0.0.1:" + port);
        properties.put("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT," + CONTROLLER_LISTENER + ":PLAINTEXT");
        properties.put("controller.listener.names", CONTROLLER_LISTENER);
        properties.put("inter.broker.listener.name", "PLAINTEXT");
        properties.put("controller.quorum.voters", NODE_ID + "@127.0.0.1:" + controllerPort);
        properties.put("log.dirs", folder.toString());
        properties.put("auto.create.topics.enable", "false");
        properties.put("message.max.bytes", Integer.toString(MESSAGE_MAX_BYTES));
        // no delay for more members of a new group
        properties.put("group.initial.rebalance.delay.ms", "0");
        for (String topic : List.of("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")) {
            properties.put(topic + ".replication.factor", "1");
            properties.put(topic + ".num.partitions", "4");
        }
        properties.put("transaction.state.log.min.isr", "1");
        properties.put("share.coordinator.state.topic.min.isr", "1");
        // after a kill, a restarted broker is fenced until its old session expires; the default is nine seconds
        properties.put("broker.session.timeout.ms", "3000");
        properties.put("broker.heartbeat.interval.ms", "500");
        properties.put("log.cleaner.dedupe.buffer.size", Integer.toString(2 * 1024 * 1024));
        properties.put("num.network.threads", "2");
        properties.put("num.io.threads", "4");
        properties.put("background.threads", "2");
        return properties;
    }

    private static void format(Path folder) throws Exception {
        new Formatter()
                .setClusterId(Uuid.randomUuid().toString())
                .setNodeId(NODE_ID)
                .setDirectories(Set.of(folder.toString()))
                .setMetadataLogDirectory(folder.toString())
                .setControllerListenerName(CONTROLLER_LISTENER)
                .setIgnoreFormatted(true)
                .setReleaseVersion(MetadataVersion.LATEST_PRODUCTION)
                .setPrintStream(new PrintStream(OutputStream.nullOutputStream()))
                .run();
    }

    private static int freePort(int otherThan) throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort() == otherThan ? freePort(otherThan) : socket.getLocalPort();
        }
    }

    private static int requireFree(int port) throws IOException {
        try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new IOException(
                    "port " + port
                            + " is taken; choose another one with --broker-port (--port of 'tidemark broker'), or 0"
                            + " for a free one",
                    e);
        }
    }

    private static void delete(Path folder) {
        try (Stream<Path> paths = Files.walk(folder)) {
            List<Path> deepestFirst = paths.sorted(Comparator.reverseOrder()).toList();
            for (Path path : deepestFirst) {
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("could not delete the broker's temporary folder " + folder, e);
        }
    }
}
