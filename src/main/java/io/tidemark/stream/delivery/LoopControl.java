package io.tidemark.stream.delivery;

import io.tidemark.time.Time;
import java.time.Duration;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.Consumer;

/**
 * What other threads ask of the loop that delivers requests: to stop, to end after a crash, and to end its poll.
 *
 * <pre>
 *   Running ── stop ──▶ Stopping (grace, then the last calls to the broker)
 *      │                    │
 *      └────── crash ───────┴──▶ Crashed
 * </pre>
 *
 * <p>All methods may be called from any thread.
 */
public final class LoopControl {

    /** How long after the grace period calls to an unresponsive broker are repeated. */
    static final Duration LAST_CALLS = Duration.ofSeconds(20);

    private final Duration grace;
    private final BooleanSupplier outage;
    private final Time time;
    private volatile Phase phase = new Phase.Running();
    private volatile boolean ownsPartitions;
    private volatile boolean releasing;
    private final Object wakeLock = new Object();
    /** The consumer that polls at the moment. Guarded by {@code wakeLock}. */
    private Optional<Consumer<?, ?>> polling = Optional.empty();

    private sealed interface Phase {
        record Running() implements Phase {}

        record Stopping(long sinceNanos) implements Phase {}

        record Crashed() implements Phase {}
    }

    /**
     * @param grace  time that open requests have to end after {@link #stop}
     * @param outage whether no broker has responded for some seconds
     */
    public LoopControl(Duration grace, BooleanSupplier outage, Time time) {
        this.grace = grace;
        this.outage = outage;
        this.time = time;
    }

    /** Starts no more requests, and ends the loop when the open ones are answered or the grace period is over. */
    public void stop() {
        synchronized (this) {
            if (phase instanceof Phase.Running) {
                phase = new Phase.Stopping(time.nanoTime());
            }
        }
        wake();
    }

    /** Ends the loop without a release of the partitions: the next owners count a death. */
    public void crash() {
        synchronized (this) {
            phase = new Phase.Crashed();
        }
        wake();
    }

    /** Makes the current poll return. */
    void wake() {
        synchronized (wakeLock) {
            polling.ifPresent(Consumer::wakeup);
        }
    }

    /** Sets the consumer that polls, so that {@link #wake} can end its poll; empty after the poll. */
    void polls(Optional<Consumer<?, ?>> consumer) {
        synchronized (wakeLock) {
            polling = consumer;
        }
    }

    /** Sets whether the loop owns partitions. */
    void owns(boolean partitions) {
        ownsPartitions = partitions;
    }

    /** Says that no request is open any more, or that the grace period is over: only the release is left. */
    void releases() {
        releasing = true;
    }

    /** Whether no broker has responded for some seconds. */
    boolean isOutage() {
        return outage.getAsBoolean();
    }

    /**
     * Whether the loop ends in an outage and no request can end any more: further calls would only delay the end of the
     * process. The partitions keep the name of this process, and the next owner ends its transaction.
     */
    public boolean isCutOff() {
        return isStopping() && (releasing || !ownsPartitions || isGraceOver()) && isOutage();
    }

    /** Whether the loop should end. */
    boolean isOver() {
        return !(phase instanceof Phase.Running);
    }

    boolean isStopping() {
        return phase instanceof Phase.Stopping;
    }

    boolean isCrashed() {
        return phase instanceof Phase.Crashed;
    }

    /** What is left of the grace period after {@link #stop}; nothing before. */
    Duration graceLeft() {
        return phase instanceof Phase.Stopping stopping
                ? grace.minusNanos(time.nanosSince(stopping.sinceNanos()))
                : Duration.ZERO;
    }

    boolean isGraceOver() {
        return hasStoppedFor(grace);
    }

    /** Whether a broker that does not respond should no longer delay the end of the process. */
    boolean givesUp() {
        return isCrashed() || isCutOff() || hasStoppedFor(grace.plus(LAST_CALLS));
    }

    /** Whether the wait for a producer should end: also when the loop ends and has no partitions to release. */
    boolean givesUpProducer() {
        return givesUp() || isOver() && !ownsPartitions;
    }

    private boolean hasStoppedFor(Duration duration) {
        return phase instanceof Phase.Stopping stopping && time.nanosSince(stopping.sinceNanos()) > duration.toNanos();
    }
}
