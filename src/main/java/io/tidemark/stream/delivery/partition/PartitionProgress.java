package io.tidemark.stream.delivery.partition;

import io.tidemark.stream.topics.TransactionalId;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashSet;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/**
 * Which requests of an owned partition are open and which are finished, and the offset to commit: the oldest open
 * request, or, if none is open, behind the last record that was read and the offsets without a record after it.
 * Requests that finish above it are a bit set in the offset's metadata.
 *
 * <p>A request is open from the moment it is read until the transaction with its result is committed. Used by the
 * thread {@code tidemark-requests} only.
 */
public final class PartitionProgress {

    private final TopicPartition partition;
    private final TransactionalId process;
    private final NavigableSet<Long> open = new TreeSet<>();
    /** The finished offsets from the committed offset on. */
    private final NavigableSet<Long> finished = new TreeSet<>();

    private CrashHistory crashes;
    private LogIdentity log;
    private long committed;
    private long position;
    private boolean idle;
    /** The transactional id that the next commit names. */
    private String owner;

    private PartitionState state = PartitionState.ASSIGNED;
    /** Counts the changes of the metadata that need a commit even if no request ends. */
    private int revision = 1;

    private int committedRevision;

    /**
     * What a transaction commits.
     *
     * @param target   the offset and its metadata
     * @param ending   offsets of requests whose results it contains
     * @param state    the state of the partition when the commit begins
     * @param revision which change of the metadata the commit includes
     */
    public record ProgressCommit(OffsetAndMetadata target, Set<Long> ending, PartitionState state, int revision) {}

    /**
     * @param process   the transactional id of this process
     * @param committed the committed offset
     * @param metadata  the metadata of the committed offset
     */
    public PartitionProgress(
            TopicPartition partition, TransactionalId process, long committed, CommitMetadata metadata) {
        this.partition = partition;
        this.process = process;
        this.owner = process.id();
        this.log = metadata.log();
        this.committed = committed;
        this.position = committed;
        this.crashes = metadata.crashes();
        // until the request that runs alone starts, a death has another cause
        this.idle = crashes.isIsolating();
        metadata.finished().stream().forEach(bit -> finished.add(committed + bit));
    }

    public TopicPartition partition() {
        return partition;
    }

    /** The deaths of its owners, with the changes that the next commit contains. */
    public CrashHistory crashes() {
        return crashes;
    }

    LogIdentity log() {
        return log;
    }

    /** Updates the identity of the log from the leader epoch of a record that was read. */
    public void read(Optional<Integer> epoch) {
        epoch.ifPresent(number -> log = log.at(number));
    }

    /** Opens a request that was read. Returns false if it has a result already. */
    public boolean open(long offset) {
        position = Math.max(position, offset + 1);
        if (finished.contains(offset)) {
            return false;
        }
        open.add(offset);
        return true;
    }

    /** Number of open requests. */
    public int openRequests() {
        return open.size();
    }

    /**
     * Passes offsets without records, such as the markers of transactions. They need a
     * commit if no request is open, so that the lag of the group becomes 0.
     */
    public void skipTo(long offset) {
        if (open.isEmpty()) {
            position = Math.max(position, offset);
        }
    }

    /** Whether no more requests should be read until the oldest open one has ended. */
    public boolean isWindowFull() {
        return !open.isEmpty() && position - open.first() > CommitMetadata.MAX_FINISHED / 2;
    }

    /** Whether the bit set can hold a finished request. If not, its result waits until older requests have ended. */
    public boolean fits(long offset) {
        return open.isEmpty() || offset - open.first() < CommitMetadata.MAX_FINISHED;
    }

    /**
     * The offset and the metadata to commit in a transaction with the results of {@code ending}. Do not call
     * this again before the transaction has ended.
     *
     * @param ending offsets of open requests
     */
    public ProgressCommit commit(Collection<Long> ending) {
        Set<Long> ends = Set.copyOf(ending);
        long offset =
                open.stream().filter(each -> !ends.contains(each)).findFirst().orElse(position);
        BitSet bits = new BitSet();
        finished.tailSet(offset).forEach(each -> bits.set(Math.toIntExact(each - offset)));
        ends.stream().filter(each -> each > offset).forEach(each -> bits.set(Math.toIntExact(each - offset)));
        CrashHistory history = crashes;
        for (long each : ends) {
            history = history.finished(each);
        }
        history = history.committed(offset);
        OffsetAndMetadata target = new OffsetAndMetadata(
                offset,
                new CommitMetadata(state.isOwner() ? Optional.of(owner) : Optional.empty(), idle, history, bits, log)
                        .toString());
        return new ProgressCommit(target, ends, state, revision);
    }

    /**
     * Applies a committed transaction. Requests may have been opened, and the metadata may have changed, since
     * {@link #commit} was called.
     */
    public void committed(ProgressCommit commit) {
        finish(commit.ending);
        committed = commit.target.offset();
        crashes = crashes.committed(committed);
        committedRevision = commit.revision;
        state = state.committed(commit.state);
    }

    private void finish(Set<Long> ended) {
        for (long each : ended) {
            open.remove(each);
            finished.add(each);
            crashes = crashes.finished(each);
        }
        finished.headSet(open.isEmpty() ? position : open.first()).clear();
    }

    /**
     * Reads from the committed offset which results a transaction of unknown outcome has committed.
     *
     * @return the open requests whose results are committed; they are no longer open
     * @throws KafkaException if the partition has another owner
     */
    public Set<Long> reconcile(OffsetAndMetadata target) {
        CommitMetadata metadata = CommitMetadata.of(partition.toString(), target);
        if (state.isClaimed() && metadata.hasOtherOwner(process)) {
            throw new KafkaException("partition " + partition + " has another owner");
        }
        long offset = target.offset();
        BitSet above = metadata.finished();
        Set<Long> ended = new HashSet<>();
        for (long each : open) {
            if (each < offset || above.get(Math.toIntExact(Math.min(each - offset, Integer.MAX_VALUE)))) {
                ended.add(each);
            }
        }
        finish(ended);
        revision++;
        return ended;
    }

    /** Names the request that will run alone in the worker. */
    public void tryAlone(long offset) {
        if (!crashes.isTrying(offset)) {
            crashes = crashes.trying(offset);
            revision++;
        }
        setBusy();
    }

    /** Forgets the deaths: all suspects have run alone. */
    public void endIsolation() {
        if (crashes.isIsolating()) {
            crashes = CrashHistory.NONE;
            revision++;
        }
    }

    /** Marks the partition as one without running requests, because a request of another partition runs alone. */
    public void setIdle() {
        if (!idle) {
            idle = true;
            revision++;
        }
    }

    /** Marks the partition as one whose requests run. */
    public void setBusy() {
        if (idle) {
            idle = false;
            revision++;
        }
    }

    /** Sets the transactional id that the next commit names: that of this process, or a further one of it. */
    public void setOwner(String transactionalId) {
        if (!owner.equals(transactionalId)) {
            owner = transactionalId;
            revision++;
        }
    }

    /** Gives the partition back: the next commit names no owner. */
    public void release() {
        PartitionState released = state.release();
        if (released != state) {
            state = released;
            revision++;
        }
    }

    /** Whether the worker reads an offset again that it has read, as after a truncation of the log. */
    public boolean isBehind(long offset) {
        return offset < position;
    }

    /**
     * Whether the metadata has changed, such as the name of the owner or of the request that runs alone. No request of
     * the worker starts before the commit.
     */
    public boolean needsClaim() {
        return revision != committedRevision;
    }

    /** Whether a commit is due although no request has ended. Requests may start before it, see {@link #needsClaim}. */
    public boolean needsCommit() {
        return needsClaim() || open.isEmpty() && position > committed;
    }
}
