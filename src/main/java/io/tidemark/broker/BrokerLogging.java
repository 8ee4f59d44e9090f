package io.tidemark.broker;

import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * Kafka's server prints its several hundred settings and every state change. Whoever runs a broker in their own
 * process wants to hear of its troubles only. The loggers are held here, since java.util.logging forgets the level of
 * a logger that nobody holds.
 */
final class BrokerLogging {

    private static final List<Logger> LOUD =
            List.of(Logger.getLogger("kafka"), Logger.getLogger("org.apache.kafka"), Logger.getLogger("state.change"));

    private BrokerLogging() {}

    static void quiet() {
        LOUD.forEach(logger -> logger.setLevel(Level.SEVERE));
    }
}
