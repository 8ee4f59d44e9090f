package io.tidemark.broker;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Where the broker listens and keeps its state.
 *
 * @param port   the port for clients on the loopback address; 0 takes a free one
 * @param folder where logs and metadata live, so that a restart finds them; empty for a temporary folder that is
 *               deleted on close
 */
public record BrokerOptions(int port, Optional<Path> folder) {

    /** A free port and a temporary folder. */
    public static final BrokerOptions TEMPORARY = new BrokerOptions(0, Optional.empty());

    public BrokerOptions {
        if (port < 0 || port > 65535) {
            throw new IllegalArgumentException("broker port must be 0..65535: " + port);
        }
    }
}
