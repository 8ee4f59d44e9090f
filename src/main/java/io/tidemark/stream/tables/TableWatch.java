package io.tidemark.stream.tables;

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
     * @param takenAt       before the ends were fetched
     * @param highWatermark the offsets behind the last records
     * @param lastStable    the offsets behind the last records that the reader can read: with {@code read_committed},
     *                      those of the first records of open transactions
     */
    record Ends(long takenAt, Map<TopicPartition, Long> highWatermark, Map<TopicPartition, Long> lastStable) {}

    /**
     * @param completeAt the latest moment as of which the reader is complete
     * @param next       the ends to pass for the next such moment
     * @param newest     the ends that were fetched last
     * @param failure    why newer ends could not be fetched
     */
    private record State(
            long completeAt,
            Optional<Ends> next,
            Optional<Ends> newest,
            Map<TopicPartition, Long> positions,
            Optional<String> failure) {}

    private final String topic;
    private final Duration staleness;
    private volatile State state;

    /** @param staleness how long records may be missing before {@link #trouble} says so */
    TableWatch(String topic, Duration staleness, long now) {
        this.topic = topic;
        this.staleness = staleness;
        this.state = new State(now, Optional.empty(), Optional.empty(), Map.of(), Optional.empty());
    }

    /** New ends were fetched. */
    void onEnds(Ends ends) {
        State old = state;
        state = new State(
                old.completeAt,
                old.next.or(() -> Optional.of(ends)),
                Optional.of(ends),
                old.positions,
                Optional.empty());
    }

    /** The ends could not be fetched. */
    void onFailure(String reason) {
        State old = state;
        state = new State(old.completeAt, old.next, old.newest, old.positions, Optional.of(reason));
    }

    /** The reader has passed all records below these offsets to its sink. */
    void onPositions(Map<TopicPartition, Long> positions) {
        State old = state;
        boolean newestPassed =
                old.newest.filter(ends -> passed(ends, positions)).isPresent();
        boolean nextPassed = old.next.filter(ends -> passed(ends, positions)).isPresent();
        long completeAt =
                newestPassed ? old.newest.get().takenAt : nextPassed ? old.next.get().takenAt : old.completeAt;
        Optional<Ends> next = newestPassed ? Optional.empty() : nextPassed ? old.newest : old.next;
        state = new State(completeAt, next, old.newest, Map.copyOf(positions), old.failure);
    }

    /** The number of offsets up to the newest ends, transaction markers included; NaN before the first observation. */
    double lag() {
        State now = state;
        return now.newest.isEmpty() || now.positions.isEmpty()
                ? Double.NaN
                : now.newest.get().highWatermark.entrySet().stream()
                        .mapToLong(end -> Math.max(0, end.getValue() - now.positions.getOrDefault(end.getKey(), 0L)))
                        .sum();
    }

    /** Why the reader has missed records for longer than the permitted staleness; empty if it has not. */
    Optional<String> trouble(long now) {
        State current = state;
        long stale = now - current.completeAt;
        if (stale <= staleness.toNanos()) {
            return Optional.empty();
        }
        String reason = current.failure
                .map(failure -> "its end offsets can't be fetched: " + failure)
                .or(() -> current.next.flatMap(ends -> behind(ends, current)))
                .orElse("its end offsets have not been fetched since");
        return Optional.of("topic '" + topic + "' has not been read to its end for "
                + TimeUnit.NANOSECONDS.toSeconds(stale) + " s: " + reason);
    }

    private static Optional<String> behind(Ends ends, State current) {
        return ends.highWatermark.entrySet().stream()
                .filter(end -> current.positions.getOrDefault(end.getKey(), 0L) < end.getValue())
                .findFirst()
                .map(end -> {
                    TopicPartition partition = end.getKey();
                    long position = current.positions.getOrDefault(partition, 0L);
                    Ends newest = current.newest.orElse(ends);
                    return position >= newest.lastStable.getOrDefault(partition, Long.MAX_VALUE)
                            ? openTransaction(partition, position, newest.highWatermark.get(partition))
                            : at(partition, position, newest.highWatermark.get(partition));
                });
    }

    /** Describes a reader that an open transaction blocks, and what to do. */
    static String openTransaction(TopicPartition partition, long position, long end) {
        return at(partition, position, end)
                + ", held back by an open transaction; if its producer is gone, find it with"
                + " 'kafka-transactions.sh find-hanging --topic " + partition.topic() + " --partition "
                + partition.partition() + "' and abort it";
    }

    static String at(TopicPartition partition, long position, long end) {
        return "partition " + partition.partition() + " of '" + partition.topic() + "' is read up to offset " + position
                + " of " + end;
    }

    private static boolean passed(Ends ends, Map<TopicPartition, Long> positions) {
        return ends.highWatermark.entrySet().stream()
                .allMatch(end -> positions.getOrDefault(end.getKey(), -1L) >= end.getValue());
    }
}
