package io.tidemark.stream.worker;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * A record of the request topic as it was read.
 *
 * @param attempt the consumer group's generation under which it was read
 */
public record IncomingRequest(ConsumerRecord<byte[], byte[]> record, long attempt) {

    Position position() {
        return new Position(new TopicPartition(record.topic(), record.partition()), record.offset());
    }

    /** The id of a request that brings none: where it lies, so that a second reading gives it the same one. */
    String derivedId() {
        return record.topic() + "-" + record.partition() + "-" + record.offset();
    }

    /** Where a record lies. */
    record Position(TopicPartition partition, long offset) {}
}
