package io.tidemark.stream.tables;

import io.tidemark.topic.TopicReader;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.TopicPartition;

/**
 * Compares the positions of a reader with the ends of its topic. The reader is complete as of a moment if it has passed
 * the ends that the topic had then. With overlapping transactions, a reader may never reach the newest ends, so the
 * ends of one moment are kept until the reader has passed them. One thread observes; any thread may query. Times are
 * those of {@link io.tidemark.time.Time#nanoTime}.
 */
final class TableWatch {

    /**
     * The ends of all partitions at one moment.
     *
     * @param takenAt before the ends were fetched
     * @param offsets the offsets behind the last records, those of open transactions included
     */
    record Ends(long takenAt, Map<TopicPartition, Long> offsets) {

        private boolean passedAt(Map<TopicPartition, Long> positions) {
            return TopicReader.firstBehind(offsets, positions).isEmpty();
        }
    }

    /** Describes how far a partition is read, of an end. */
    interface Progress {

        String of(TopicPartition partition, long end);
    }

    private final String topic;
    private final Duration staleness;

    /** The latest moment as of which the reader is complete. */
    private long completeAt;

    /** The ends to pass for the next such moment. */
    private Optional<Ends> next = Optional.empty();

    /** The ends that were fetched last. */
    private Optional<Ends> newest = Optional.empty();

    /** Why newer ends could not be fetched. */
    private Optional<String> failure = Optional.empty();

    /** How far the first partition is read that has not passed {@link #next}. */
    private Optional<String> behind = Optional.empty();

    private double lag = Double.NaN;

    /**
     * @param staleness  how long records may be missing before {@link #trouble} says so
     * @param completeAt when the reader had all records
     */
    TableWatch(String topic, Duration staleness, long completeAt) {
        this.topic = topic;
        this.staleness = staleness;
        this.completeAt = completeAt;
    }

    /** New ends were fetched. */
    synchronized void onEnds(Ends ends) {
        next = next.or(() -> Optional.of(ends));
        newest = Optional.of(ends);
        failure = Optional.empty();
    }

    /** The ends could not be fetched. */
    synchronized void onFailure(String reason) {
        failure = Optional.of(reason);
    }

    /** The reader has passed all records below these offsets to its sink. */
    synchronized void onPositions(Map<TopicPartition, Long> positions, Progress progress) {
        if (newest.isEmpty()) {
            return;
        }
        Ends last = newest.get();
        lag = TopicReader.unread(last.offsets, positions);
        if (last.passedAt(positions)) {
            completeAt = last.takenAt;
            next = Optional.empty();
        } else if (next.filter(ends -> ends.passedAt(positions)).isPresent()) {
            completeAt = next.get().takenAt;
            next = newest;
        }
        behind = next.flatMap(ends -> TopicReader.firstBehind(ends.offsets, positions))
                .map(partition -> progress.of(partition, last.offsets.get(partition)));
    }

    /** The number of offsets up to the newest ends, transaction markers included; NaN before the first observation. */
    synchronized double lag() {
        return lag;
    }

    /** Why the reader has missed records for longer than the permitted staleness; empty if it has not. */
    synchronized Optional<String> trouble(long now) {
        long stale = now - completeAt;
        if (stale <= staleness.toNanos()) {
            return Optional.empty();
        }
        String reason = failure.map(why -> "its end offsets can't be fetched: " + why)
                .or(() -> behind)
                .orElse("its end offsets have not been fetched since");
        return Optional.of("topic '" + topic + "' has not been read to its end for "
                + TimeUnit.NANOSECONDS.toSeconds(stale) + " s: " + reason);
    }
}
