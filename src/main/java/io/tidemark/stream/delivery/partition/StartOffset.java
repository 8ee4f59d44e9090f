package io.tidemark.stream.delivery.partition;

import io.tidemark.stream.delivery.partition.PartitionLogs.PartitionLog;
import java.util.BitSet;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Where a worker continues to read a partition with a committed offset. The rules, the first one that applies:
 *
 * <ol>
 *   <li>The topic was created again: from the beginning of the log. None of its requests has a result.
 *   <li>The log was truncated below the committed offset or below a request that has a result: from the first offset at
 *       which it differs. If the commit has no leader epoch, this offset is not known, and the beginning of the log is
 *       taken: requests may be answered again, and none is lost.
 *   <li>Retention has deleted the committed offset: from the beginning of the log.
 *   <li>From the committed offset.
 * </ol>
 *
 * @param offset   the offset of the next record to read
 * @param metadata the metadata of the commit, relative to {@code offset}
 * @param change   what happened to the log
 * @param lost     offsets without a result that retention has deleted
 */
record StartOffset(long offset, CommitMetadata metadata, Change change, long lost) {

    /** What happened to the log since the commit. */
    enum Change {
        NONE,
        EXPIRED,
        TRUNCATED,
        RECREATED
    }

    /** The offset behind the committed one and all requests that have a result. */
    static long behindFinished(long committed, CommitMetadata metadata) {
        return committed + metadata.finished().length();
    }

    /**
     * @param log      the log of the partition
     * @param diverged the first offset at which the log differs from the one of the commit, if a broker has named it; 0
     *                 if it differs at an unknown offset
     */
    static StartOffset of(long committed, CommitMetadata metadata, PartitionLog log, OptionalLong diverged) {
        long first = log.start().orElse(0);
        LogIdentity here = new LogIdentity(log.topic(), OptionalInt.empty());
        if (metadata.log().isOtherTopic(log.topic())) {
            return new StartOffset(first, CommitMetadata.NONE.in(here), Change.RECREATED, 0);
        }
        OptionalLong difference = diverged;
        boolean behindEnd = log.end().isPresent()
                && behindFinished(committed, metadata) > log.end().getAsLong();
        if (diverged.isEmpty() && metadata.log().epoch().isEmpty() && behindEnd) {
            difference = OptionalLong.of(0);
        }
        if (difference.isPresent()) {
            long offset = Math.max(first, Math.min(committed, difference.getAsLong()));
            BitSet kept = finished(committed, metadata, offset, difference.getAsLong());
            return new StartOffset(offset, CommitMetadata.NONE.in(here).finished(kept), Change.TRUNCATED, 0);
        }
        if (first > committed) {
            return expired(committed, metadata, first);
        }
        return new StartOffset(committed, metadata, Change.NONE, 0);
    }

    /** The finished offsets in a range, relative to its beginning. Empty if the range begins before the commit. */
    private static BitSet finished(long committed, CommitMetadata metadata, long from, long to) {
        long length = metadata.finished().length();
        long first = from - committed;
        long end = Math.min(to - committed, length);
        return first < 0 || first >= end
                ? new BitSet()
                : metadata.finished().get(Math.toIntExact(first), Math.toIntExact(end));
    }

    private static StartOffset expired(long committed, CommitMetadata metadata, long first) {
        long deleted = first - committed;
        BitSet finished = metadata.finished();
        int bits = (int) Math.min(deleted, CommitMetadata.MAX_FINISHED);
        BitSet kept = deleted < CommitMetadata.MAX_FINISHED
                ? finished.get(bits, Math.max(bits, finished.length()))
                : new BitSet();
        long answered = finished.get(0, bits).cardinality();
        return new StartOffset(first, metadata.finished(kept), Change.EXPIRED, deleted - answered);
    }
}
