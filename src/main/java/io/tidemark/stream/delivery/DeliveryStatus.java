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
    private volatile int runningRequests;
    private volatile int abandonedRequests;
    private volatile long readBytes;
    private volatile long openBytes;
    private volatile long lastTurnNanos;
    /** When the oldest open request was received. */
    private volatile OptionalLong oldestOpenNanos = OptionalLong.empty();

    private volatile int isolatedPartitions;
    private final AtomicLong sessionRestarts = new AtomicLong();

    public DeliveryStatus(Time time) {
        this.time = time;
        this.lastTurnNanos = time.nanoTime();
    }

    /** Number of requests that have started and have no answer: in admission, queued or running. */
    public int runningRequests() {
        return runningRequests;
    }

    /** Bytes of heap of records that were read and have not started. */
    public long readBytes() {
        return readBytes;
    }

    /** The most bytes of heap that open requests and their answers use until they are committed. */
    public long openBytes() {
        return openBytes;
    }

    /** Number of open requests that were abandoned after a crash or because the grace period was over. */
    public int abandonedRequests() {
        return abandonedRequests;
    }

    /** Time since the oldest request was read that has no committed answer; 0 if there is none. */
    public Duration oldestOpenAge() {
        OptionalLong oldest = oldestOpenNanos;
        return oldest.isPresent() ? Duration.ofNanos(time.nanosSince(oldest.getAsLong())) : Duration.ZERO;
    }

    /**
     * Number of owned partitions whose requests run one at a time, because workers died while these requests were open.
     */
    public int isolatedPartitions() {
        return isolatedPartitions;
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
        return Duration.ofNanos(time.nanosSince(lastTurnNanos));
    }

    /** Called after each turn. */
    void turned(int running) {
        runningRequests = running;
        lastTurnNanos = time.nanoTime();
    }

    /** Called after each turn. */
    void heap(long read, long open) {
        readBytes = read;
        openBytes = open;
    }

    void disrupted(Optional<String> reason) {
        disruption = reason;
    }

    /**
     * Called after each turn.
     *
     * @param oldestNanos when the oldest request without a committed answer was received; empty if there is none
     * @param isolated    number of owned partitions whose requests run one at a time
     */
    void open(OptionalLong oldestNanos, int isolated) {
        oldestOpenNanos = oldestNanos;
        isolatedPartitions = isolated;
    }

    /** Called when an error has ended a session. */
    void sessionFailed(String reason) {
        sessionRestarts.incrementAndGet();
        disruption = Optional.of(reason);
    }

    /** Called when the loop ends. */
    void abandoned(int open) {
        abandonedRequests = open;
    }
}
