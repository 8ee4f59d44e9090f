package io.tidemark.stream.calibrator;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.TopicPartition;

/** Keeps a consumer in its group while a batch takes long: it polls with all partitions paused. */
final class KeepAlive {

    private static final long EVERY_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

    private final Consumer<byte[], byte[]> consumer;
    private long lastPoll;

    KeepAlive(Consumer<byte[], byte[]> consumer) {
        this.consumer = consumer;
    }

    /** Cheap; may be called after every slice of work. */
    void tick() {
        if (System.nanoTime() - lastPoll < EVERY_NANOS) {
            return;
        }
        consumer.pause(consumer.assignment());
        ConsumerRecords<byte[], byte[]> early = consumer.poll(Duration.ZERO);
        // a partition that came with this very poll was not paused yet: its records are for later
        for (TopicPartition partition : early.partitions()) {
            consumer.seek(partition, early.records(partition).get(0).offset());
        }
        lastPoll = System.nanoTime();
    }

    void end() {
        consumer.resume(consumer.paused());
    }
}
