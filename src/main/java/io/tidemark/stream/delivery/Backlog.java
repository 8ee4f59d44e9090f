package io.tidemark.stream.delivery;

import io.tidemark.stream.delivery.reply.Delivery;
import io.tidemark.stream.delivery.partition.PartitionProgress;
import io.tidemark.generation.Completion;
import io.tidemark.load.UnreadRecords;
import io.tidemark.load.WorkEstimate;
import io.tidemark.request.Answer;
import io.tidemark.time.Time;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.common.TopicPartition;

/**
 * Reports the requests that wait for this worker to its estimate of work: records that were not read, and records that
 * were read and have not started. Used by the thread {@code tidemark-requests} only.
 */
final class Backlog {

    /** Time between two estimates. */
    private static final long INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final WorkEstimate work;
    private final UnreadRecords unread;
    private final Time time;
    private long estimatedNanos;

    Backlog(WorkEstimate work, UnreadRecords unread, Time time) {
        this.work = work;
        this.unread = unread;
        this.time = time;
        this.estimatedNanos = time.nanoTime() - INTERVAL_NANOS;
    }

    void assigned(Collection<TopicPartition> partitions) {
        unread.assigned(partitions);
    }

    /** Called for each record that was read. */
    void read(TopicPartition partition) {
        unread.read(partition);
    }

    void committed(Answer answer) {
        if (answer.completion().isPresent()) {
            Completion completion = answer.completion().get();
            work.answered(
                    completion.usage().promptTokens(),
                    completion.usage().completionTokens(),
                    completion.choices().size());
        } else {
            work.rejected();
        }
    }

    /**
     * Counts at the end of a turn, and estimates once a second.
     *
     * @param started requests that run or whose answers are not committed
     */
    void turned(Map<TopicPartition, PartitionProgress> owned, Stream<Delivery> started) {
        long now = time.nanoTime();
        if (now - estimatedNanos >= INTERVAL_NANOS) {
            estimatedNanos = now;
            work.sample(now);
            work.unread(unread.byTopic(owned.keySet(), now));
        }
        count(owned.values(), started);
    }

    /** Counts and estimates after partitions were given back or lost. */
    void dropped(Map<TopicPartition, PartitionProgress> owned, Stream<Delivery> started) {
        work.unread(unread.byTopic(owned.keySet(), time.nanoTime()));
        count(owned.values(), started);
    }

    /** Counts requests that were read and have not started, or were abandoned and not given back yet. */
    private void count(Collection<PartitionProgress> owned, Stream<Delivery> started) {
        Map<String, Integer> counts = new HashMap<>();
        owned.forEach(each -> counts.merge(each.partition().topic(), each.openRequests(), Integer::sum));
        started.forEach(each -> counts.merge(each.partition().topic(), -1, Integer::sum));
        work.unstarted(counts);
    }
}
