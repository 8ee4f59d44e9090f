package io.tidemark.stream.tables;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.WakeupException;
import org.jboss.logging.Logger;

/**
 * Reads a table to its end and then follows it on a thread of its own. After an error, the thread logs a warning and
 * tries again every second.
 */
public final class TableFollower implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(TableFollower.class);
    private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final String topic;
    private final TableReader reader;
    private final Consumer<ConsumerRecord<byte[], byte[]>> sink;
    private final AtomicReference<String> trouble = new AtomicReference<>();
    private final Thread thread;
    private volatile boolean running = true;

    private TableFollower(String topic, TableReader reader, Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        this.topic = topic;
        this.reader = reader;
        this.sink = sink;
        this.thread = new Thread(this::follow, "tidemark-table-" + topic);
    }

    /**
     * Reads the topic to its end on the calling thread, then starts the thread {@code tidemark-table-TOPIC}.
     *
     * @param sink called by one thread at a time
     * @throws TableNotRead if the end is not reached within {@code timeout}
     */
    public static TableFollower start(
            Map<String, Object> kafka, String topic, Duration timeout, Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        TableReader reader = new TableReader(kafka, topic);
        try {
            reader.readToEnd(sink, timeout);
        } catch (RuntimeException e) {
            reader.close();
            throw e;
        }
        TableFollower follower = new TableFollower(topic, reader, sink);
        follower.thread.setDaemon(true);
        follower.thread.start();
        return follower;
    }

    /** Why the table may be out of date, for a health check. */
    public Optional<String> trouble() {
        return Optional.ofNullable(trouble.get());
    }

    /** False if the thread has ended. The table is not updated any more then. */
    public boolean isAlive() {
        return thread.isAlive();
    }

    private void follow() {
        while (running) {
            try {
                reader.poll(sink);
                trouble.set(null);
            } catch (WakeupException e) {
                // from close(); the loop ends
            } catch (RuntimeException e) {
                // also errors of the sink: one record must not stop the thread
                LOG.warnf(
                        e instanceof KafkaException ? null : e,
                        "reading table '%s' failed and is retried: %s",
                        topic,
                        e.getMessage());
                trouble.set(String.valueOf(e.getMessage()));
                LockSupport.parkNanos(RETRY_NANOS);
            }
        }
        reader.close();
    }

    @Override
    public void close() {
        running = false;
        reader.wakeup();
        try {
            thread.join(TimeUnit.SECONDS.toMillis(5));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
