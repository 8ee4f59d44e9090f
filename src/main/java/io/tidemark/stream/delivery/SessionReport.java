package io.tidemark.stream.delivery;

import io.tidemark.load.UnreadRecords;
import io.tidemark.load.WorkEstimate;
import io.tidemark.stream.delivery.partition.PartitionProgress;
import io.tidemark.time.Time;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.TopicPartition;

/**
 * Reports a session to health checks and metrics ({@link DeliveryStatus}), and to the estimate of work: the records
 * that were not read, and those that were read and have not started. Used by the thread {@code tidemark-requests} only.
 */
final class SessionReport {

    /** How much time passes between two estimates. */
    private static final long INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final DeliveryStatus status;
    private final WorkEstimate work;
    private final UnreadRecords unread;
    private final Map<TopicPartition, PartitionProgress> owned;
    private final RunningRequests running;
    private final Time time;
    private long estimatedNanos;

    /** @param owned the owned partitions; a view that the session changes */
    SessionReport(
            DeliveryStatus status,
            WorkEstimate work,
            UnreadRecords unread,
            Map<TopicPartition, PartitionProgress> owned,
            RunningRequests running,
            Time time) {
        this.status = status;
        this.work = work;
        this.unread = unread;
        this.owned = owned;
        this.running = running;
        this.time = time;
        this.estimatedNanos = time.nanoTime() - INTERVAL_NANOS;
    }

    /** Begins to count the unread records of partitions that were assigned. */
    void assigned(Collection<TopicPartition> partitions) {
        unread.assigned(partitions);
    }

    /** Counts the records that a poll has read. */
    void read(ConsumerRecords<byte[], byte[]> records) {
        for (TopicPartition partition : records.partitions()) {
            records.records(partition).forEach(any -> unread.read(partition));
        }
    }

    /** @param reason why answers are not committed at the moment */
    void disrupted(Optional<String> reason) {
        status.disrupted(reason);
    }

    /** Reports the end of a turn, and estimates the work once a second. */
    void turned() {
        long isolated = owned.values().stream()
                .filter(each -> each.crashes().isIsolating())
                .count();
        long now = time.nanoTime();
        status.turned(new DeliveryStatus.Turn(
                now,
                running.size(),
                running.readBytes(),
                running.openBytes(),
                running.oldestNanos(),
                Math.toIntExact(isolated)));
        if (now - estimatedNanos >= INTERVAL_NANOS) {
            estimatedNanos = now;
            work.sample(now);
            work.unread(unread.byTopic(owned.keySet()));
        }
        countUnstarted();
    }

    /** Estimates the work without the partitions that were given back or lost. */
    void dropped() {
        work.unread(unread.byTopic(owned.keySet()));
        countUnstarted();
    }

    /** Counts requests that were read and have not started, or were abandoned and not given back yet. */
    private void countUnstarted() {
        Map<String, Integer> counts = new HashMap<>();
        owned.values().forEach(each -> counts.merge(each.partition().topic(), each.openRequests(), Integer::sum));
        running.started().forEach(each -> counts.merge(each.partition().topic(), -1, Integer::sum));
        work.unstarted(counts);
    }

    /**
     * Reports how many requests are open when the loop ends, before they are abandoned.
     *
     * @param cutOff whether answers that wait for their commit are lost, too
     */
    void stopped(boolean cutOff) {
        status.abandoned(cutOff ? Math.toIntExact(running.started().count()) : running.size());
    }

    /** Reports that the session has ended and nothing runs. */
    void ended() {
        status.turned(new DeliveryStatus.Turn(
                time.nanoTime(), 0, running.readBytes(), running.openBytes(), OptionalLong.empty(), 0));
    }
}
