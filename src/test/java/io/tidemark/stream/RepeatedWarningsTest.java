package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.time.VirtualTime;
import java.time.Duration;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Repeated warnings of libraries")
class RepeatedWarningsTest {

    private static final String KAFKA = "org.apache.kafka.clients.NetworkClient";

    private final VirtualTime time = new VirtualTime();
    private final RepeatedWarnings filter = new RepeatedWarnings(time);

    @Test
    @DisplayName("Pass once a minute for all clients and nodes, with the number of those that were left out")
    void limits() {
        assertThat(passes(KAFKA, "[Producer clientId=a] Connection to node -1 (localhost/127.0.0.1:9092) is lost."))
                .isTrue();
        assertThat(passes(KAFKA, "[AdminClient clientId=b-2] Connection to node 12 (10.0.0.7:9092) is lost."))
                .isFalse();
        assertThat(passes(KAFKA, "[AdminClient clientId=b-2] Bootstrap broker kafka1:9092 (id: -1) disconnected"))
                .isTrue();
        time.sleep(Duration.ofSeconds(61));
        LogRecord later = record(KAFKA, "[Producer clientId=a] Connection to node 1 (127.0.0.1:9092) is lost.");
        assertThat(filter.isLoggable(later)).isTrue();
        assertThat(later.getMessage()).endsWith("is lost. (1 similar lines left out)");
        assertThat(passes(KAFKA, "[Producer clientId=a] Connection to node 1 (127.0.0.1:9092) is lost."))
                .isFalse();
    }

    @Test
    @DisplayName("Do not limit other levels, nor what Tidemark logs")
    void passesOthers() {
        for (int repeat = 0; repeat < 2; repeat++) {
            assertThat(passes("io.tidemark.stream.delivery.DeliveryLoop", "requests are read again"))
                    .isTrue();
            LogRecord info = record(KAFKA, "connected");
            info.setLevel(Level.INFO);
            assertThat(filter.isLoggable(info)).isTrue();
        }
    }

    @Test
    @DisplayName("Are forgotten when many other kinds have occurred since, so that memory is limited")
    void isBounded() {
        assertThat(passes(KAFKA, "first")).isTrue();
        for (int kind = 0; kind < 200; kind++) {
            assertThat(passes(KAFKA + kind, "another")).isTrue();
        }
        assertThat(passes(KAFKA, "first")).isTrue();
    }

    private boolean passes(String logger, String message) {
        return filter.isLoggable(record(logger, message));
    }

    private static LogRecord record(String logger, String message) {
        LogRecord record = new LogRecord(Level.WARNING, message);
        record.setLoggerName(logger);
        return record;
    }
}
