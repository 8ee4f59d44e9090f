package io.tidemark.stream.delivery;

import io.tidemark.message.CancellationMessage;
import io.tidemark.message.Parsed;
import io.tidemark.request.RequestRunner;
import io.tidemark.stream.tables.TopicFollower;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.text.LogText;
import io.tidemark.time.Time;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.errors.TimeoutException;
import org.jboss.logging.Logger;

/**
 * Reads the cancellations of the last hour and follows their topic. Every worker reads all partitions, without a
 * consumer group, because any worker may run the request.
 */
public final class CancellationReader implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(CancellationReader.class);

    /** Receives cancellations, on one thread at a time. */
    public interface Listener {

        /** @param timestamp when the record of the cancellation was written, milliseconds since 1970 */
        void onCancellation(CancellationMessage cancellation, long timestamp);
    }

    /** The least time between two log lines about invalid cancellations, whose number depends on the clients. */
    private static final long LOG_NANOS = Duration.ofMinutes(1).toNanos();

    private final Listener listener;
    private final Time time;
    private final TopicFollower follower;
    private final AtomicLong invalid = new AtomicLong();

    /** When an invalid cancellation was logged, and how many there were then. Used by one thread at a time. */
    private OptionalLong loggedNanos = OptionalLong.empty();

    private long logged;

    private CancellationReader(KafkaThread thread, String topic, TopicFollower.Limits limits, Listener listener) {
        this.listener = listener;
        this.time = thread.time();
        Instant since = time.instant().minus(RequestRunner.CANCELLATION_RETENTION);
        this.follower = TopicFollower.since(thread, topic, CancellationMessage.MAX_BYTES, since, limits, this::handle);
    }

    /**
     * Passes the cancellations of the last hour to {@code listener}, on the calling thread, and returns at the end of
     * the topic, or after {@link TopicFollower.Limits#load} if there are more than can be read in this time. Later ones
     * are passed on the thread of the follower.
     *
     * @throws TimeoutException if the end is not reached and no cancellation arrives any more
     */
    public static CancellationReader start(
            KafkaThread thread, String topic, TopicFollower.Limits limits, Listener listener) {
        return new CancellationReader(thread, topic, limits, listener);
    }

    /** Whether the thread runs. After its end, no cancellations are read. */
    public boolean isAlive() {
        return follower.isAlive();
    }

    /** Why cancellations may not be read at the moment, for a health check. */
    public Optional<String> disruption() {
        return follower.disruption();
    }

    /** The follower of the topic, for its meter. */
    public TopicFollower follower() {
        return follower;
    }

    /** Number of cancellations that were ignored because they are invalid. */
    public long invalid() {
        return invalid.get();
    }

    private void handle(ConsumerRecord<byte[], byte[]> record) {
        if (record.serializedValueSize() > CancellationMessage.MAX_BYTES) {
            // the value has only a part of it
            invalid(record, "it has more than " + CancellationMessage.MAX_BYTES + " bytes");
            return;
        }
        Parsed<CancellationMessage> parsed = CancellationMessage.parse(record.value());
        if (parsed instanceof Parsed.Valid<CancellationMessage> valid) {
            listener.onCancellation(valid.record(), record.timestamp());
        } else if (parsed instanceof Parsed.Invalid<CancellationMessage> refused) {
            invalid(record, refused.error().message());
        }
    }

    private void invalid(ConsumerRecord<byte[], byte[]> record, String why) {
        long count = invalid.incrementAndGet();
        if (loggedNanos.isPresent() && time.nanosSince(loggedNanos.getAsLong()) < LOG_NANOS) {
            return;
        }
        LOG.warnf(
                "ignored %d invalid cancellations since the last such line, the latest one at %s-%d@%d: %s",
                count - logged, record.topic(), record.partition(), record.offset(), LogText.of(why));
        loggedNanos = OptionalLong.of(time.nanoTime());
        logged = count;
    }

    @Override
    public void close() {
        follower.close();
    }
}
