package io.tidemark.stream.tables;

import io.tidemark.stream.topics.KafkaConnection;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.jboss.logging.Logger;

/**
 * Passes the records of all partitions of a topic to a sink, without a consumer group, on the thread
 * {@code tidemark-follow-TOPIC}. After an error, the thread logs a warning and tries again every second.
 */
public final class TopicFollower implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(TopicFollower.class);
    private static final Duration POLL = Duration.ofMillis(100);
    private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final String topic;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Consumer<ConsumerRecord<byte[], byte[]>> sink;
    private final AtomicReference<String> disruption = new AtomicReference<>();
    private final Thread thread;
    private volatile boolean running = true;

    private TopicFollower(
            String topic, KafkaConsumer<byte[], byte[]> consumer, Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        this.topic = topic;
        this.consumer = consumer;
        this.sink = sink;
        this.thread = new Thread(this::follow, "tidemark-follow-" + topic);
        thread.setDaemon(true);
        thread.start();
    }

    /**
     * Reads the committed records of a table to its end on the calling thread, then follows it.
     *
     * @param sink  called by one thread at a time
     * @throws TableReadException if the end is not reached within {@code timeout}
     */
    public static TopicFollower ofTable(
            KafkaConnection kafka, String topic, Duration timeout, Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        TableReader reader = new TableReader(kafka, topic);
        try {
            reader.readToEnd(sink, timeout);
        } catch (RuntimeException e) {
            reader.close();
            throw e;
        }
        return new TopicFollower(topic, reader.consumer(), sink);
    }

    /**
     * Follows a topic from its current end: passes every record that is produced after this method has returned, also
     * those of open transactions.
     *
     * @param sink  called by one thread
     */
    public static TopicFollower fromEnd(
            KafkaConnection kafka, String topic, Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        KafkaConsumer<byte[], byte[]> consumer = kafka.newConsumer(Map.of(
                ConsumerConfig.AUTO_OFFSET_RESET_CONFIG,
                "latest",
                ConsumerConfig.ISOLATION_LEVEL_CONFIG,
                "read_uncommitted"));
        try {
            List<TopicPartition> partitions = KafkaConnection.partitionsOf(topic, consumer);
            consumer.assign(partitions);
            consumer.seekToEnd(partitions);
            // seekToEnd is lazy: position() resolves the offsets before records that are produced from now on
            partitions.forEach(consumer::position);
        } catch (RuntimeException e) {
            consumer.close();
            throw e;
        }
        return new TopicFollower(topic, consumer, sink);
    }

    /** Why records may be missing at the moment, for a health check. */
    public Optional<String> disruption() {
        return Optional.ofNullable(disruption.get());
    }

    /** False after the thread has ended. From then on, no records are passed. */
    public boolean isAlive() {
        return thread.isAlive();
    }

    private void follow() {
        while (running) {
            try {
                consumer.poll(POLL).forEach(sink);
                disruption.set(null);
            } catch (WakeupException e) {
                // from close(); the loop ends
            } catch (RuntimeException e) {
                // also errors of the sink: one record must not stop the thread
                LOG.warnf(
                        e instanceof KafkaException ? null : e,
                        "reading topic '%s' failed and is retried: %s",
                        topic,
                        e.getMessage());
                disruption.set(String.valueOf(e.getMessage()));
                LockSupport.parkNanos(RETRY_NANOS);
            }
        }
        consumer.close(CloseOptions.timeout(Duration.ofSeconds(1)));
    }

    /** Waits at most 5 s for the thread to end. */
    @Override
    public void close() {
        running = false;
        consumer.wakeup();
        try {
            thread.join(TimeUnit.SECONDS.toMillis(5));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
