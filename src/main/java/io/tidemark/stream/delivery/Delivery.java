package io.tidemark.stream.delivery;

import io.tidemark.message.Provenance.Source;
import io.tidemark.request.ReceivedRequest;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * One delivery of a request record to this worker. A record that is delivered again, after its partition was lost,
 * has another delivery: equality is identity.
 */
final class Delivery {

    private final ConsumerRecord<byte[], byte[]> record;
    private final PartitionProgress progress;
    private final TopicReply reply;
    private final ReceivedRequest request;

    /**
     * @param progress      of the partition of the record
     * @param reply         where the answer goes
     * @param attempt       generation of the consumer group in which the record was read
     * @param receivedNanos when the record was read
     */
    Delivery(
            ConsumerRecord<byte[], byte[]> record,
            PartitionProgress progress,
            TopicReply reply,
            long attempt,
            long receivedNanos) {
        this.record = record;
        this.progress = progress;
        this.reply = reply;
        this.request = new ReceivedRequest(
                new Source(record.topic(), record.partition(), record.offset()),
                Optional.ofNullable(record.value()),
                record.timestamp(),
                attempt,
                receivedNanos,
                reply);
    }

    ConsumerRecord<byte[], byte[]> record() {
        return record;
    }

    PartitionProgress progress() {
        return progress;
    }

    TopicReply reply() {
        return reply;
    }

    ReceivedRequest request() {
        return request;
    }

    TopicPartition partition() {
        return progress.partition();
    }

    long offset() {
        return record.offset();
    }

    /** The position of the record, for logs. */
    @Override
    public String toString() {
        return partition() + "@" + offset();
    }
}
