package io.tidemark.broker;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Port and folder of an embedded broker.
 *
 * @param port   port for clients on the loopback address, 0 to 65535; 0 for a free port
 * @param folder folder for logs and metadata, which is kept; empty for a temporary folder, which is deleted on close
 */
public record BrokerOptions(int port, Optional<Path> folder) {

    /** A free port and a temporary folder. */
    public static final BrokerOptions TEMPORARY = new BrokerOptions(0, Optional.empty());

    public BrokerOptions {
        if (port < 0 || port > 65535) {
            throw new IllegalArgumentException("the broker's port must be between 0 and 65535: " + port);
        }
    }
}
