package io.tidemark.stream.calibrator;

import io.tidemark.time.Time;
import java.time.Duration;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.TopicPartition;

/**
 * Polls a consumer with all partitions paused, so that the consumer stays in its group and handles rebalances while a
 * batch takes longer than {@code max.poll.interval.ms}.
 */
final class PollHeartbeat {

    private static final Duration INTERVAL = Duration.ofMillis(200);

    private final Consumer<byte[], byte[]> consumer;
    private final Time time;
    private long lastPoll;

    PollHeartbeat(Consumer<byte[], byte[]> consumer, Time time) {
        this.consumer = consumer;
        this.time = time;
        this.lastPoll = time.nanoTime() - INTERVAL.toNanos();
    }

    /** Polls if the last poll was 200 ms ago or earlier. */
    void beat() {
        if (time.nanosSince(lastPoll) < INTERVAL.toNanos()) {
            return;
        }
        consumer.pause(consumer.assignment());
        ConsumerRecords<byte[], byte[]> early = consumer.poll(Duration.ZERO);
        // partitions that this poll assigned were not paused: seek back, so that their records are read later
        for (TopicPartition partition : early.partitions()) {
            consumer.seek(partition, early.records(partition).get(0).offset());
        }
        lastPoll = time.nanoTime();
    }

    /** Resumes all partitions. */
    void stop() {
        consumer.resume(consumer.paused());
    }
}
