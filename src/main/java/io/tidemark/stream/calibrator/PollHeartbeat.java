package io.tidemark.stream.calibrator;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.TopicPartition;

/**
 * Polls a consumer with all partitions paused, so that the consumer stays in its group and handles rebalances while a
 * batch takes longer than {@code max.poll.interval.ms}.
 */
final class PollHeartbeat {

    private static final long INTERVAL_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

    private final Consumer<byte[], byte[]> consumer;
    private long lastPoll;

    PollHeartbeat(Consumer<byte[], byte[]> consumer) {
        this.consumer = consumer;
    }

    /** Polls if the last poll was more than 200 ms ago. */
    void beat() {
        if (System.nanoTime() - lastPoll < INTERVAL_NANOS) {
            return;
        }
        consumer.pause(consumer.assignment());
        ConsumerRecords<byte[], byte[]> early = consumer.poll(Duration.ZERO);
        // partitions that this poll assigned were not paused: seek back, so that their records are read later
        for (TopicPartition partition : early.partitions()) {
            consumer.seek(partition, early.records(partition).get(0).offset());
        }
        lastPoll = System.nanoTime();
    }

    /** Resumes all partitions. */
    void stop() {
        consumer.resume(consumer.paused());
    }
}
