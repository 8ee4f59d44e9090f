package io.tidemark.stream.delivery;

import io.tidemark.message.CancellationMessage;
import io.tidemark.message.Parsed;
import io.tidemark.request.RequestRunner;
import io.tidemark.stream.tables.TableReadException;
import io.tidemark.stream.tables.TopicFollower;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.text.LogText;
import java.time.Instant;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jboss.logging.Logger;

/**
 * Reads the cancellations of the last hour and follows their topic. Every worker reads all partitions, without a
 * consumer group, because any worker may run the request.
 */
public final class CancellationReader implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(CancellationReader.class);

    /** Receives cancellations, on one thread at a time. */
    public interface Listener {

        /** @param timestamp of the record of the cancellation, milliseconds since 1970 */
        void onCancellation(CancellationMessage cancellation, long timestamp);
    }

    private final TopicFollower follower;

    private CancellationReader(TopicFollower follower) {
        this.follower = follower;
    }

    /**
     * Passes the cancellations of the last hour to {@code listener}, on the calling thread, and returns at the end of
     * the topic. Later cancellations are passed on the thread of the follower.
     *
     * @throws TableReadException if the end is not reached within {@link TopicFollower.Limits#load}
     */
    public static CancellationReader start(
            KafkaThread thread, String topic, TopicFollower.Limits limits, Listener listener) {
        Instant since = thread.time().instant().minus(RequestRunner.CANCELLATION_RETENTION);
        return new CancellationReader(TopicFollower.since(
                thread, topic, CancellationMessage.MAX_BYTES, since, limits, record -> handle(record, listener)));
    }

    /** False after the thread has ended. From then on, no cancellations are read. */
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

    private static void handle(ConsumerRecord<byte[], byte[]> record, Listener listener) {
        if (record.serializedValueSize() > CancellationMessage.MAX_BYTES) {
            // the value has only a part of it
            invalid(record, "it has more than " + CancellationMessage.MAX_BYTES + " bytes");
            return;
        }
        Parsed<CancellationMessage> parsed = CancellationMessage.parse(record.value());
        if (parsed instanceof Parsed.Valid<CancellationMessage> valid) {
            listener.onCancellation(valid.record(), record.timestamp());
        } else if (parsed instanceof Parsed.Invalid<CancellationMessage> invalid) {
            invalid(record, invalid.error().message());
        }
    }

    private static void invalid(ConsumerRecord<byte[], byte[]> record, String why) {
        LOG.warnf(
                "ignored an invalid cancellation at %s-%d@%d: %s",
                record.topic(), record.partition(), record.offset(), LogText.of(why));
    }

    @Override
    public void close() {
        follower.close();
    }
}
