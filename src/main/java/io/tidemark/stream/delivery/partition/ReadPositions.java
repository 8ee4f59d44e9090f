package io.tidemark.stream.delivery.partition;

import io.tidemark.stream.delivery.partition.PartitionLogs.PartitionLog;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.LogTruncationException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.WakeupException;
import org.jboss.logging.Logger;

/**
 * Compares what the group has read with the logs, and sets the positions of the consumer: when partitions are assigned,
 * by the rules of {@link StartOffset}, and when a poll finds that a log does not have a position any more. Reports what
 * was deleted, truncated or created again.
 *
 * <p>Used by the thread that polls, also in rebalance callbacks. No method throws {@code WakeupException}: wakeups are
 * meant for the poll.
 */
final class ReadPositions {

    private static final Logger LOG = Logger.getLogger(ReadPositions.class);
    /** How long one call of the consumer may take. */
    private static final Duration CALL = Duration.ofSeconds(5);

    private final Consumer<byte[], byte[]> consumer;
    private final PartitionLogs logs;

    /** A committed offset, and the log as its leader describes it. */
    record CommittedPosition(long offset, CommitMetadata metadata, PartitionLog found) {}

    /**
     * What the leaders say of the logs of commits.
     *
     * @param diverged   the first offset at which a log differs, 0 if its leader does not know it
     * @param unanswered partitions whose leaders did not respond
     */
    private record Comparison(Map<TopicPartition, Long> diverged, Set<TopicPartition> unanswered) {}

    ReadPositions(Consumer<byte[], byte[]> consumer, PartitionLogs logs) {
        this.consumer = consumer;
        this.logs = logs;
    }

    /** Sets the positions of partitions with a committed offset. Returns where they are read from. */
    Map<TopicPartition, StartOffset> start(Map<TopicPartition, CommittedPosition> commits) {
        Comparison compared = compare(commits);
        Map<TopicPartition, StartOffset> starts = new HashMap<>();
        commits.forEach((partition, commit) -> starts.put(partition, start(partition, commit, compared)));
        return starts;
    }

    private StartOffset start(TopicPartition partition, CommittedPosition commit, Comparison compared) {
        PartitionLog log = commit.found;
        OptionalLong diverged = Optional.ofNullable(compared.diverged.get(partition))
                .map(OptionalLong::of)
                .orElseGet(OptionalLong::empty);
        StartOffset start =
                StartOffset.of(commit.offset, commit.metadata.in(log.possible(commit.metadata.log())), log, diverged);
        report(partition, commit.offset, start, log);
        LogIdentity identity = start.metadata().log();
        consumer.seek(
                partition,
                position(start.offset(), compared.unanswered.contains(partition) ? identity : LogIdentity.NONE));
        return start;
    }

    /** The consumer compares a position that has a leader epoch with the log before it reads from there. */
    private static OffsetAndMetadata position(long offset, LogIdentity log) {
        return new OffsetAndMetadata(
                offset, log.epoch().isPresent() ? Optional.of(log.epoch().getAsInt()) : Optional.empty(), "");
    }

    /**
     * Asks the leaders whether their logs have the records that the group has read last. Waits for about 5 s at most:
     * the consumer asks the others again before it reads, and {@link #outOfRange} has their answer.
     */
    private Comparison compare(Map<TopicPartition, CommittedPosition> commits) {
        Set<TopicPartition> asked = new HashSet<>();
        commits.forEach((partition, commit) -> {
            LogIdentity log = commit.metadata.log();
            if (commit.found.isComparable(log)) {
                asked.add(partition);
                consumer.seek(partition, position(StartOffset.behindFinished(commit.offset, commit.metadata), log));
            }
        });
        Map<TopicPartition, Long> diverged = new HashMap<>();
        Set<TopicPartition> unanswered = new HashSet<>();
        Duration wait = CALL;
        for (TopicPartition partition : asked) {
            boolean answered = diverged.containsKey(partition);
            while (!answered) {
                try {
                    consumer.position(partition, wait);
                    answered = true;
                } catch (LogTruncationException e) {
                    // it may name other partitions, whose answers came together
                    e.offsetOutOfRangePartitions().forEach((each, position) -> {
                        OffsetAndMetadata offset = e.divergentOffsets().get(each);
                        diverged.put(each, offset == null ? 0 : offset.offset());
                        consumer.seek(each, position);
                    });
                    answered = diverged.containsKey(partition);
                } catch (TimeoutException e) {
                    LOG.warnf("the log of %s can't be compared with the committed offset yet", partition);
                    unanswered.add(partition);
                    wait = Duration.ZERO;
                    answered = true;
                } catch (WakeupException e) {
                    LOG.trace("a call was woken up and is repeated");
                }
            }
        }
        return new Comparison(diverged, unanswered);
    }

    private void report(TopicPartition partition, long committed, StartOffset start, PartitionLog log) {
        switch (start.change()) {
            case NONE -> LOG.debugf("partition %s is read from offset %d", partition, start.offset());
            case EXPIRED -> expired(partition, committed, start.offset(), start.lost());
            case TRUNCATED -> {
                logs.status().replaced(partition.topic());
                LOG.warnf(
                        "the log of %s was truncated below what the group has read (committed offset %d, end %s);"
                                + " requests are read from offset %d, and may be answered again",
                        partition,
                        committed,
                        log.end().isPresent() ? log.end().getAsLong() : "unknown",
                        start.offset());
            }
            case RECREATED -> {
                logs.status().replaced(partition.topic());
                LOG.warnf(
                        "topic %s was created again; the committed offset %d of partition %d belongs to the deleted"
                                + " topic, and requests are read from offset %d",
                        partition.topic(), committed, partition.partition(), start.offset());
            }
        }
    }

    private void expired(TopicPartition partition, long from, long to, long lost) {
        logs.status().expired(partition.topic(), lost);
        LOG.warnf(
                "retention has deleted %d offsets of %s, from %d to %d, before a worker has read or answered them;"
                        + " their requests have no result",
                lost, partition, from, to - 1);
    }

    /** See {@link PartitionTakeover#seekBehindDeleted}. */
    void outOfRange(OffsetOutOfRangeException reason) {
        if (reason instanceof LogTruncationException) {
            throw reason;
        }
        Map<TopicPartition, Long> positions = reason.offsetOutOfRangePartitions();
        Map<TopicPartition, PartitionLog> found = logs.read(positions.keySet());
        positions.forEach((partition, position) -> {
            OptionalLong start = found.get(partition).start();
            // without an answer, the next poll finds it again
            if (start.isPresent()) {
                long first = start.getAsLong();
                if (position >= first) {
                    throw reason;
                }
                expired(partition, position, first, first - position);
                consumer.seek(partition, first);
            }
        });
    }
}
