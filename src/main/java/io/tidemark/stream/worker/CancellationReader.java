package io.tidemark.stream.worker;

import io.tidemark.message.CancellationMessage;
import io.tidemark.message.Parsed;
import io.tidemark.stream.tables.TopicFollower;
import io.tidemark.stream.topics.KafkaConnection;
import java.util.function.ObjLongConsumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jboss.logging.Logger;

/**
 * Reads cancellations. Every worker reads all partitions, without a consumer group, because any worker may run the
 * request.
 */
public final class CancellationReader implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(CancellationReader.class);

    private final TopicFollower follower;

    private CancellationReader(TopicFollower follower) {
        this.follower = follower;
    }

    /**
     * Starts to read. Every cancellation that is produced after this method has returned is passed to {@code cancel}.
     *
     * @param cancel receives the id of the request and the timestamp of the record of its cancellation
     */
    public static CancellationReader start(KafkaConnection kafka, String topic, ObjLongConsumer<String> cancel) {
        return new CancellationReader(TopicFollower.fromEnd(kafka, topic, record -> handle(record, cancel)));
    }

    /** False after the thread has ended. From then on, no cancellations are read. */
    boolean isAlive() {
        return follower.isAlive();
    }

    private static void handle(ConsumerRecord<byte[], byte[]> record, ObjLongConsumer<String> cancel) {
        Parsed<CancellationMessage> parsed = CancellationMessage.parse(record.value());
        if (parsed instanceof Parsed.Valid<CancellationMessage> valid) {
            cancel.accept(valid.record().id(), record.timestamp());
        } else if (parsed instanceof Parsed.Invalid<CancellationMessage> invalid) {
            LOG.warnf("ignored an invalid cancellation: %s", invalid.error().message());
        }
    }

    @Override
    public void close() {
        follower.close();
    }
}
