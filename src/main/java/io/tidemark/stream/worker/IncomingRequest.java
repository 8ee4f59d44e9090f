package io.tidemark.stream.worker;

import io.tidemark.message.Provenance;
import java.time.Duration;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * A record of the topic of requests as it was consumed.
 *
 * @param attempt       generation of the consumer group in which the record was consumed
 * @param receivedNanos {@link System#nanoTime} when the record was consumed
 */
record IncomingRequest(ConsumerRecord<byte[], byte[]> record, long attempt, long receivedNanos) {

    /** A record that was consumed now. */
    IncomingRequest(ConsumerRecord<byte[], byte[]> record, long attempt) {
        this(record, attempt, System.nanoTime());
    }

    Position position() {
        return new Position(new TopicPartition(record.topic(), record.partition()), record.offset());
    }

    /** The position, as results name it. */
    Provenance.Source source() {
        return new Provenance.Source(record.topic(), record.partition(), record.offset());
    }

    /** The id of a request without one: its position, so that every delivery has the same id. */
    String derivedId() {
        return source().derivedId();
    }

    /** Time since the record was consumed. */
    Duration age() {
        return Duration.ofNanos(System.nanoTime() - receivedNanos);
    }

    /** The position of a record in the cluster. */
    record Position(TopicPartition partition, long offset) {}
}
