package io.tidemark.broker;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * Port, folder and further settings of an embedded broker.
 *
 * @param port   port for clients on the loopback address, 0 to 65535; 0 for a free port
 * @param folder folder for logs and metadata, which is kept; empty for a temporary folder, which is deleted on close
 * @param settings settings of Kafka's server, which replace those of the embedded broker
 */
public record BrokerOptions(int port, Optional<Path> folder, Map<String, String> settings) {

    /** A free port and a temporary folder. */
    public static final BrokerOptions TEMPORARY = new BrokerOptions(0, Optional.empty());

    public BrokerOptions {
        settings = Map.copyOf(settings);
        if (port < 0 || port > 65535) {
            throw new IllegalArgumentException("the broker's port must be between 0 and 65535: " + port);
        }
    }

    /** A broker with its default settings. */
    public BrokerOptions(int port, Optional<Path> folder) {
        this(port, folder, Map.of());
    }

    /** A free port, a temporary folder, and further settings. */
    public static BrokerOptions temporary(Map<String, String> settings) {
        return new BrokerOptions(0, Optional.empty(), settings);
    }
}
