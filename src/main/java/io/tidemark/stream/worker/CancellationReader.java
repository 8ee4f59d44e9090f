package io.tidemark.stream.worker;

import io.tidemark.message.CancellationMessage;
import io.tidemark.message.Parsed;
import io.tidemark.stream.topics.KafkaConnection;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.ObjLongConsumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.jboss.logging.Logger;

/**
 * Hears every cancellation from now on: each worker reads all partitions, without a group, since nobody knows who runs
 * a request, and a cancellation may be read before its request is.
 */
public final class CancellationReader implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(CancellationReader.class);

    private final KafkaConsumer<byte[], byte[]> consumer;
    private final ObjLongConsumer<String> cancel;
    private final Thread thread = new Thread(this::follow, "tidemark-cancellations");
    private volatile boolean running = true;

    private CancellationReader(KafkaConsumer<byte[], byte[]> consumer, ObjLongConsumer<String> cancel) {
        this.consumer = consumer;
        this.cancel = cancel;
    }

    /**
     * Returns when every cancellation produced from then on will be heard.
     *
     * @param cancel takes a request's id and the timestamp of its cancellation's record
     */
    public static CancellationReader start(KafkaConnection kafka, String topic, ObjLongConsumer<String> cancel) {
        Map<String, Object> config = new HashMap<>(kafka.properties());
        config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "latest");
        config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
        KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        try {
            List<TopicPartition> partitions = KafkaConnection.partitionsOf(topic, consumer);
            consumer.assign(partitions);
            consumer.seekToEnd(partitions);
            partitions.forEach(consumer::position);
        } catch (RuntimeException e) {
            consumer.close();
            throw e;
        }
        CancellationReader reader = new CancellationReader(consumer, cancel);
        reader.thread.setDaemon(true);
        reader.thread.start();
        return reader;
    }

    /** False when the thread has died: no cancellation will be heard again. */
    boolean isAlive() {
        return thread.isAlive();
    }

    private void follow() {
        while (running) {
            try {
                consumer.poll(Duration.ofMillis(500)).forEach(this::take);
            } catch (WakeupException e) {
                // close() asks for the end; the loop's condition sees it
            } catch (RuntimeException e) {
                // not Kafka's only: whatever one cancellation does, the next ones must be heard
                LOG.warnf(
                        e instanceof KafkaException ? null : e,
                        "reading cancellations failed, trying again: %s",
                        e.getMessage());
                LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(1));
            }
        }
        consumer.close();
    }

    private void take(ConsumerRecord<byte[], byte[]> record) {
        Parsed<CancellationMessage> parsed = CancellationMessage.parse(record.value());
        if (parsed instanceof Parsed.Valid<CancellationMessage> valid) {
            cancel.accept(valid.record().id(), record.timestamp());
        } else if (parsed instanceof Parsed.Invalid<CancellationMessage> invalid) {
            LOG.warnf("ignored a cancellation: %s", invalid.error().message());
        }
    }

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
