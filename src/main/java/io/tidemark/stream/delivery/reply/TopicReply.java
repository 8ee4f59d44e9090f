package io.tidemark.stream.delivery.reply;

import io.tidemark.message.ErrorBody;
import io.tidemark.message.EventMessage;
import io.tidemark.request.ReplyTarget;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;

/** The topic of a request's result, and the headers of its records. Sends the events of the request. Immutable. */
public final class TopicReply implements ReplyTarget {

    private final String topic;
    private final OptionalInt partition;
    private final List<Header> headers;
    private final Optional<ErrorBody> refusal;
    private final EventWriter events;

    /**
     * @param topic     an allowed topic, also for a refused request
     * @param partition empty: the key of the result determines the partition
     * @param refusal   the request names a topic or partition that its result must not go to
     */
    TopicReply(
            String topic,
            OptionalInt partition,
            List<Header> headers,
            Optional<ErrorBody> refusal,
            EventWriter events) {
        this.topic = topic;
        this.partition = partition;
        this.headers = List.copyOf(headers);
        this.refusal = refusal;
        this.events = events;
    }

    /** The topic of the result. */
    public String topic() {
        return topic;
    }

    OptionalInt partition() {
        return partition;
    }

    /** The headers that the result repeats. */
    public List<Header> headers() {
        return headers;
    }

    @Override
    public Optional<ErrorBody> refusal() {
        return refusal;
    }

    @Override
    public void send(EventMessage event) {
        events.write(event, headers);
    }

    /** Builds the record that carries a result to the topic, with the headers of the reply. */
    public ProducerRecord<byte[], byte[]> result(byte[] key, byte[] value) {
        return new ProducerRecord<>(topic, partition.isPresent() ? partition.getAsInt() : null, key, value, headers);
    }

    /** Returns a copy to another topic. */
    public TopicReply to(String other) {
        return new TopicReply(other, OptionalInt.empty(), headers, refusal, events);
    }
}
