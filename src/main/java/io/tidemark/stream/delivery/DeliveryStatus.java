package io.tidemark.stream.delivery;

import io.tidemark.stream.delivery.commit.TransactionStatus;
import io.tidemark.stream.delivery.partition.RequestTopicStatus;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicLong;

/** What the loop that delivers requests reports to health checks and metrics. Written by its thread, read by any. */
public final class DeliveryStatus {

    private final Time time;
    private final RequestTopicStatus requestTopics = new RequestTopicStatus();
    private final TransactionStatus transactions = new TransactionStatus();
    private volatile Optional<String> disruption = Optional.empty();
    private volatile int abandonedRequests;
    private volatile Turn last;
    private final AtomicLong sessionRestarts = new AtomicLong();

    /**
     * The state of a session after a turn.
     *
     * @param nanos       when the turn has ended
     * @param oldestNanos when the oldest request without a committed answer was received; empty if there is none
     * @param isolated    number of owned partitions whose requests run one at a time
     */
    record Turn(long nanos, int running, long readBytes, long openBytes, OptionalLong oldestNanos, int isolated) {}

    public DeliveryStatus(Time time) {
        this.time = time;
        this.last = new Turn(time.nanoTime(), 0, 0, 0, OptionalLong.empty(), 0);
    }

    /** Number of requests that have started and have no answer: in admission, queued or running. */
    public int runningRequests() {
        return last.running;
    }

    /** Bytes of heap of records that were read and have not started. */
    public long readBytes() {
        return last.readBytes;
    }

    /** The most bytes of heap that open requests and their answers use until they are committed. */
    public long openBytes() {
        return last.openBytes;
    }

    /** Number of open requests that were abandoned after a crash or because the grace period was over. */
    public int abandonedRequests() {
        return abandonedRequests;
    }

    /** Time since the oldest request was read that has no committed answer; 0 if there is none. */
    public Duration oldestOpenAge() {
        OptionalLong oldest = last.oldestNanos;
        return oldest.isPresent() ? Duration.ofNanos(time.nanosSince(oldest.getAsLong())) : Duration.ZERO;
    }

    /**
     * Number of owned partitions whose requests run one at a time, because workers died while these requests were open.
     */
    public int isolatedPartitions() {
        return last.isolated;
    }

    /** Sessions of the consumer group that an error has ended. */
    public long sessionRestarts() {
        return sessionRestarts.get();
    }

    /** What happened to the transactions of answers. */
    public TransactionStatus transactions() {
        return transactions;
    }

    /** What happened to the partitions of the request topics. */
    public RequestTopicStatus requestTopics() {
        return requestTopics;
    }

    /** Why requests are not answered at the moment. */
    public Optional<String> disruption() {
        return disruption;
    }

    /** Time since the last turn of the loop. */
    public Duration sinceLastTurn() {
        return Duration.ofNanos(time.nanosSince(last.nanos));
    }

    /** Sets the outcome of a turn, or of the end of a session. */
    void turned(Turn turn) {
        last = turn;
    }

    void disrupted(Optional<String> reason) {
        disruption = reason;
    }

    /** Counts a session that an error has ended. */
    void sessionFailed(String reason) {
        sessionRestarts.incrementAndGet();
        disruption = Optional.of(reason);
    }

    /** Sets the number of requests that are open when the loop ends. */
    void abandoned(int open) {
        abandonedRequests = open;
    }
}
