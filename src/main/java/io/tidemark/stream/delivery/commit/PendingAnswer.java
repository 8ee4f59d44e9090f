package io.tidemark.stream.delivery.commit;

import io.tidemark.message.ErrorBody;
import io.tidemark.message.TopicJson;
import io.tidemark.request.Answer;
import io.tidemark.stream.delivery.reply.Delivery;
import io.tidemark.stream.delivery.reply.TopicReply;
import io.tidemark.stream.topics.DeadLetter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * The answer of a delivery until its commit, and how it is written: where the result goes, whether an error replaces
 * it, and whether it has a dead letter. Changed by the thread that runs transactions. The thread that polls asks for
 * {@link #writtenBytes} while no transaction runs.
 */
public final class PendingAnswer {

    /** The usual bytes of a record's format, the id in its key, and the headers that describe an error. */
    private static final int RECORD_BYTES = 512;

    private final Delivery delivery;
    private final long heapBytes;
    private Answer answer;
    private TopicReply reply;
    private boolean withoutLetter;
    /** The encoded result, once it is needed. */
    private Optional<byte[]> value = Optional.empty();
    /** Whether even an error can't be written. The thread that polls reads it while a transaction runs. */
    private volatile boolean unwritable;

    /** An answer that goes where its request says. */
    public PendingAnswer(Delivery delivery, Answer answer) {
        this.delivery = delivery;
        this.answer = answer;
        this.reply = delivery.reply();
        this.heapBytes = delivery.readBytes() + answer.heapBytes();
    }

    /** Bytes of heap that the record of the request and the answer use. */
    public long heapBytes() {
        return heapBytes;
    }

    public Delivery delivery() {
        return delivery;
    }

    /** The answer, or the error in place of it. */
    public Answer answer() {
        return answer;
    }

    /** The topic of the result. */
    String topic() {
        return reply.topic();
    }

    /** Whether the broker refuses even an error in place of the result. The request stays open. */
    boolean isUnwritable() {
        return unwritable;
    }

    void markUnwritable() {
        unwritable = true;
    }

    /** Writes an error in place of the result. */
    void replaceBy(ErrorBody error) {
        answer = answer.replacedBy(error);
        value = Optional.empty();
    }

    /** Writes an error to another topic in place of the result. */
    void divert(String topic, ErrorBody error) {
        reply = reply.to(topic);
        replaceBy(error);
    }

    void leaveOutLetter() {
        withoutLetter = true;
    }

    /** @throws java.io.UncheckedIOException if the result can't be encoded */
    ProducerRecord<byte[], byte[]> result() {
        return reply.result(answer.result().id().getBytes(StandardCharsets.UTF_8), value());
    }

    private byte[] value() {
        byte[] encoded = value.orElseGet(() -> TopicJson.write(answer.result()));
        value = Optional.of(encoded);
        return encoded;
    }

    /** Encodes the result if that has not been done. Returns the bytes of the records of this answer, about. */
    long writtenBytes() {
        boolean hasLetter = answer.error().isPresent() && !withoutLetter;
        long bytes = RECORD_BYTES
                + DeadLetter.headerBytes(reply.headers())
                + (hasLetter ? RECORD_BYTES + DeadLetter.keptBytes(delivery.record()) : 0);
        try {
            return bytes + value().length;
        } catch (UncheckedIOException e) {
            // an error replaces the result when it is written
            return bytes;
        }
    }

    /** The dead letter of a request whose result is an error. */
    Optional<ProducerRecord<byte[], byte[]>> letter(String topic) {
        return answer.error()
                .filter(error -> !withoutLetter)
                .map(error -> DeadLetter.of(delivery.record(), error, topic));
    }
}
