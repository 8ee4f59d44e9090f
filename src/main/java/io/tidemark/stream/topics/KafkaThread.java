package io.tidemark.stream.topics;

import io.tidemark.time.Time;
import java.util.concurrent.Executor;

/**
 * What a service that uses Kafka clients on one thread takes from outside. A test replaces all of it.
 *
 * @param kafka  creates the clients
 * @param time   the clock of the service and all its waits that are not waits for a broker
 * @param thread runs the service: one task, which ends when the service is closed
 */
public record KafkaThread(KafkaClients kafka, Time time, Executor thread) {

    /** A new daemon thread with a name, and the time of the machine. */
    public static KafkaThread named(String name, KafkaClients kafka) {
        return new KafkaThread(kafka, Time.system(), task -> {
            Thread thread = new Thread(task, name);
            thread.setDaemon(true);
            thread.start();
        });
    }
}
