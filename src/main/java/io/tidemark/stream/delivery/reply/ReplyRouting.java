package io.tidemark.stream.delivery.reply;

import io.tidemark.message.ErrorBody;
import io.tidemark.message.RequestMessage;
import io.tidemark.stream.topics.ReplyTopics;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;

/**
 * Determines from a request's headers where its answer goes, and which headers are copied. Follows {@code
 * ReplyingKafkaTemplate} of Spring and {@code KafkaRequestReply} of SmallRye, so that their clients work unchanged. As
 * in both, the last header of a name counts. Immutable.
 */
public final class ReplyRouting {

    /**
     * The maximum bytes of all copied headers, names included. A result has at most this many bytes more than its
     * key and value.
     */
    static final int MAX_COPIED_BYTES = 8 * 1024;

    /** The maximum size of a copied value, in bytes. W3C requires 512 characters of tracestate. */
    static final int MAX_VALUE_BYTES = 1024;

    /**
     * The headers that are always copied, in this order. No other displaces the first one, that of the Java client.
     * Then come the trace headers of W3C, and the correlation ids of Spring, of SmallRye, and of clients without a
     * framework.
     */
    private static final List<String> ALWAYS_COPIED = List.of(
            RequestMessage.CORRELATION_HEADER,
            "traceparent",
            "tracestate",
            "kafka_correlationId",
            "REPLY_CORRELATION_ID",
            "correlation-id");

    /** The first form of which a request has a header applies. */
    private static final List<Form> FORMS =
            List.of(new Form("kafka_replyTopic", "kafka_replyPartition"), new Form("REPLY_TOPIC", "REPLY_PARTITION"));

    private final Set<String> copied;
    /** The names of all headers that concern an answer. */
    private final Set<String> names;

    private final ReplyTopics topics;
    private final EventWriter events;

    /**
     * The names of a framework for the reply headers.
     *
     * @param topic     the name of a topic, UTF-8
     * @param partition a number of 4 bytes, big-endian
     */
    private record Form(String topic, String partition) {}

    /**
     * @param headers names of further headers to copy
     * @param topics  the topics that results may go to, checked
     * @param events  writes the events of all requests
     */
    public ReplyRouting(List<String> headers, ReplyTopics topics, EventWriter events) {
        this.copied = new LinkedHashSet<>(ALWAYS_COPIED);
        this.copied.addAll(headers);
        this.names = new HashSet<>(copied);
        FORMS.forEach(form -> names.addAll(List.of(form.topic, form.partition)));
        this.topics = topics;
        this.events = events;
    }

    /**
     * The headers of a request that its events and its result repeat, in a fixed order. A header without a value or
     * with a value above {@value #MAX_VALUE_BYTES} bytes is left out, and so is one with which all would exceed
     * {@value #MAX_COPIED_BYTES} bytes.
     */
    private List<Header> copiedHeaders(Map<String, Header> found) {
        List<Header> headers = new ArrayList<>();
        int bytes = 0;
        for (String name : copied) {
            Header header = found.get(name);
            if (header == null || header.value() == null || header.value().length > MAX_VALUE_BYTES) {
                continue;
            }
            int size = name.getBytes(StandardCharsets.UTF_8).length + header.value().length;
            if (bytes + size <= MAX_COPIED_BYTES) {
                headers.add(header);
                bytes += size;
            }
        }
        return List.copyOf(headers);
    }

    /** Where the answer of a request goes. */
    public TopicReply reply(ConsumerRecord<byte[], byte[]> request) {
        Map<String, Header> found = lastHeaders(request);
        List<Header> copies = copiedHeaders(found);
        for (Form form : FORMS) {
            Optional<Header> topic = Optional.ofNullable(found.get(form.topic));
            Optional<Header> partition = Optional.ofNullable(found.get(form.partition));
            if (topic.isPresent() || partition.isPresent()) {
                return reply(topic, partition, copies);
            }
        }
        return accepted(topics.results(), OptionalInt.empty(), copies);
    }

    /** The last header of each name that concerns an answer, in one pass: a record may have millions of headers. */
    private Map<String, Header> lastHeaders(ConsumerRecord<byte[], byte[]> request) {
        Map<String, Header> found = new HashMap<>();
        for (Header header : request.headers()) {
            if (names.contains(header.key())) {
                found.put(header.key(), header);
            }
        }
        return found;
    }

    private TopicReply reply(Optional<Header> topicHeader, Optional<Header> partitionHeader, List<Header> copies) {
        String topic = topicHeader.map(ReplyRouting::text).orElse(topics.results());
        OptionalInt count = topics.partitions(topic);
        if (count.isEmpty()) {
            String name = topicHeader.orElseThrow().key();
            return refused(
                    "reply_topic_not_allowed",
                    name,
                    "header '" + name + "' names a topic that is not in 'tidemark.replies.topics'",
                    copies);
        }
        if (partitionHeader.isEmpty()) {
            return accepted(topic, OptionalInt.empty(), copies);
        }
        Header header = partitionHeader.get();
        OptionalInt partition = number(header.value());
        if (partition.isEmpty() || partition.getAsInt() < 0 || partition.getAsInt() >= count.getAsInt()) {
            return refused(
                    "invalid_reply_partition",
                    header.key(),
                    "header '" + header.key() + "' must be a partition of the reply topic, from 0 to "
                            + (count.getAsInt() - 1) + ", as 4 bytes in big-endian order",
                    copies);
        }
        return accepted(topic, partition, copies);
    }

    private TopicReply accepted(String topic, OptionalInt partition, List<Header> copies) {
        return new TopicReply(topic, partition, copies, Optional.empty(), events);
    }

    private TopicReply refused(String code, String header, String message, List<Header> copies) {
        return new TopicReply(
                topics.results(),
                OptionalInt.empty(),
                copies,
                Optional.of(ErrorBody.invalidRequest(code, header, message)),
                events);
    }

    /** A header without a value is the empty text, which is the name of no topic. */
    private static String text(Header header) {
        return header.value() == null ? "" : new String(header.value(), StandardCharsets.UTF_8);
    }

    private static OptionalInt number(byte[] value) {
        return value == null || value.length != Integer.BYTES
                ? OptionalInt.empty()
                : OptionalInt.of(ByteBuffer.wrap(value).getInt());
    }
}
