package io.tidemark.stream.delivery.reply;

import io.tidemark.message.Provenance.Source;
import io.tidemark.message.RequestEstimate;
import io.tidemark.request.ReceivedRequest;
import io.tidemark.request.Tenant;
import io.tidemark.stream.delivery.partition.PartitionProgress;
import io.tidemark.stream.topics.DeadLetter;
import io.tidemark.stream.topics.ReadLimits;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeaders;

/**
 * One delivery of a request record to this worker. A record that is delivered again, after its partition was lost,
 * has another delivery: equality is identity.
 */
public final class Delivery {

    /** Heap of a record besides its bytes and its headers. */
    private static final int OVERHEAD_BYTES = 512;

    private final ConsumerRecord<byte[], byte[]> record;
    private final PartitionProgress progress;
    private final TopicReply reply;
    private final ReceivedRequest request;
    private final long readBytes;
    private final RequestEstimate estimate;

    /**
     * @param progress      the progress of the record's partition
     * @param reply         where the answer goes
     * @param attempt       generation of the consumer group in which the record was read
     * @param receivedNanos when the record was read
     * @param tenant        who has sent the record
     * @param contextLength the context length of the model, in tokens
     */
    public Delivery(
            ConsumerRecord<byte[], byte[]> record,
            PartitionProgress progress,
            TopicReply reply,
            long attempt,
            long receivedNanos,
            Tenant tenant,
            int contextLength) {
        this.record = kept(record);
        this.readBytes = readBytes(this.record);
        this.estimate = estimate(record, contextLength);
        this.progress = progress;
        this.reply = reply;
        this.request = new ReceivedRequest(
                new Source(record.topic(), record.partition(), record.offset()),
                Optional.ofNullable(record.value()),
                Math.max(0, DeadLetter.size(record)),
                estimate.head(),
                record.timestamp(),
                attempt,
                receivedNanos,
                reply,
                tenant);
    }

    /** The record, without its headers if its dead letter has none of them. */
    public ConsumerRecord<byte[], byte[]> record() {
        return record;
    }

    /** Frees headers that nothing needs from here on: 4 MiB of empty ones use 160 MB of heap. */
    private static ConsumerRecord<byte[], byte[]> kept(ConsumerRecord<byte[], byte[]> record) {
        return DeadLetter.keepsHeaders(record)
                ? record
                : new ConsumerRecord<>(
                        record.topic(),
                        record.partition(),
                        record.offset(),
                        record.timestamp(),
                        record.timestampType(),
                        record.serializedKeySize(),
                        record.serializedValueSize(),
                        record.key(),
                        record.value(),
                        new RecordHeaders(),
                        record.leaderEpoch());
    }

    /** Bytes of heap that the record uses. */
    public long readBytes() {
        return readBytes;
    }

    /** The most bytes of heap that the request uses while it is open, with its answer. */
    public long openBytes() {
        return openBytes(OptionalInt.empty());
    }

    /**
     * Bytes of heap as in {@link #openBytes()}, when the prompt may have been tokenized.
     *
     * @param promptTokens how many tokens the prompt has, once it is known
     */
    public long openBytes(OptionalInt promptTokens) {
        return readBytes
                + (promptTokens.isPresent() ? estimate.openBytes(promptTokens.getAsInt()) : estimate.openBytes());
    }

    /** A value that is not read completely, see {@link ReadLimits}, is not parsed. */
    private static RequestEstimate estimate(ConsumerRecord<byte[], byte[]> record, int contextLength) {
        return record.value() == null || DeadLetter.size(record) > record.value().length
                ? RequestEstimate.REJECTED
                : RequestEstimate.of(record.value(), contextLength);
    }

    private static long readBytes(ConsumerRecord<byte[], byte[]> record) {
        return OVERHEAD_BYTES + size(record.key()) + size(record.value()) + DeadLetter.headerBytes(record.headers());
    }

    private static int size(byte[] bytes) {
        return bytes == null ? 0 : bytes.length;
    }

    /** The progress of its partition. */
    public PartitionProgress progress() {
        return progress;
    }

    /** Where the answer goes. */
    public TopicReply reply() {
        return reply;
    }

    /** The request as {@code RequestRunner} gets it. */
    public ReceivedRequest request() {
        return request;
    }

    /** Tokens that the request may need, see {@link RequestEstimate}. */
    public long tokens() {
        return estimate.tokens();
    }

    /** The adapter, alias or base model that the request names, as far as it is known before it is parsed. */
    public Optional<String> model() {
        return estimate.model();
    }

    /** The user that the request names, as far as it is known before it is parsed. */
    public Optional<String> user() {
        return estimate.user();
    }

    public TopicPartition partition() {
        return progress.partition();
    }

    public long offset() {
        return record.offset();
    }

    /** The position of the record, for logs. */
    @Override
    public String toString() {
        return partition() + "@" + offset();
    }
}
