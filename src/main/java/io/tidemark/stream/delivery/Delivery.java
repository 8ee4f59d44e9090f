package io.tidemark.stream.delivery;

import io.tidemark.message.Provenance.Source;
import io.tidemark.request.ReceivedRequest;
import io.tidemark.message.RequestTokens;
import io.tidemark.request.Tenant;
import java.util.Optional;
import java.util.OptionalLong;
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
    private OptionalLong tokens = OptionalLong.empty();

    /**
     * @param progress      of the partition of the record
     * @param reply         where the answer goes
     * @param attempt       generation of the consumer group in which the record was read
     * @param receivedNanos when the record was read
     * @param tenant        who has sent the record
     */
    Delivery(
            ConsumerRecord<byte[], byte[]> record,
            PartitionProgress progress,
            TopicReply reply,
            long attempt,
            long receivedNanos,
            Tenant tenant) {
        this.record = record;
        this.progress = progress;
        this.reply = reply;
        this.request = new ReceivedRequest(
                new Source(record.topic(), record.partition(), record.offset()),
                Optional.ofNullable(record.value()),
                record.timestamp(),
                attempt,
                receivedNanos,
                reply,
                tenant);
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

    /** Tokens that the request may need, see {@link RequestTokens}. Used by one thread. */
    long tokens() {
        if (tokens.isEmpty()) {
            tokens = OptionalLong.of(request.value().map(RequestTokens::atMost).orElse(0L));
        }
        return tokens.getAsLong();
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
