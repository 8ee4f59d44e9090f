package io.tidemark.stream.worker;

import io.tidemark.message.ErrorBody;
import io.tidemark.stream.settings.TidemarkSettings.ReplySettings;
import io.tidemark.stream.topics.ReplyTopics;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;

/**
 * The headers of a request that concern its answer: those that are copied, and those that name its topic. Follows
 * {@code ReplyingKafkaTemplate} of Spring and {@code KafkaRequestReply} of SmallRye, so that their clients work
 * unchanged. As in both, the last header of a name counts. Immutable.
 */
final class ReplyRouting {

    /**
     * Maximum size of all copied headers, names included, in bytes. A result has at most this many bytes more than its
     * key and value.
     */
    static final int MAX_COPIED_BYTES = 8 * 1024;

    /** Maximum size of a copied value, in bytes. W3C requires 512 characters of tracestate. */
    static final int MAX_VALUE_BYTES = 1024;

    /** Trace headers of W3C, then the correlation ids of Spring, of SmallRye, and of clients without a framework. */
    private static final List<String> ALWAYS_COPIED =
            List.of("traceparent", "tracestate", "kafka_correlationId", "REPLY_CORRELATION_ID", "correlation-id");

    /** The first form of which a request has a header applies. */
    private static final List<Form> FORMS =
            List.of(new Form("kafka_replyTopic", "kafka_replyPartition"), new Form("REPLY_TOPIC", "REPLY_PARTITION"));

    private final Set<String> copied;
    private final ReplyTopics topics;

    /**
     * The names of a framework for the reply headers.
     *
     * @param topic     the name of a topic, UTF-8
     * @param partition a number of 4 bytes, big-endian
     */
    private record Form(String topic, String partition) {}

    /** Where a result goes. */
    sealed interface Route {

        /** Where the result is written, also that of a refused request. */
        Destination destination();

        /** The request is answered normally. */
        record Accepted(Destination destination) implements Route {}

        /**
         * The request names a topic or partition that its result may not go to. It is not run.
         *
         * @param destination the topic of results
         * @param error       the error of its result; {@code param} is the name of the header
         */
        record Refused(Destination destination, ErrorBody error) implements Route {}
    }

    /**
     * A topic and, if the request names one, a partition of it.
     *
     * @param partition empty: the key of the result determines the partition
     */
    record Destination(String topic, OptionalInt partition) {

        ProducerRecord<byte[], byte[]> record(byte[] key, byte[] value, Iterable<Header> headers) {
            return new ProducerRecord<>(
                    topic, partition.isPresent() ? partition.getAsInt() : null, key, value, headers);
        }
    }

    /** @param topics the topics of {@code settings}, checked */
    ReplyRouting(ReplySettings settings, ReplyTopics topics) {
        this.copied = new LinkedHashSet<>(ALWAYS_COPIED);
        settings.headers().ifPresent(copied::addAll);
        this.topics = topics;
    }

    /**
     * The headers of a request that its events and its result repeat, in a fixed order. A header without a value or
     * with a value above {@value #MAX_VALUE_BYTES} bytes is left out, and so is one with which all would exceed
     * {@value #MAX_COPIED_BYTES} bytes.
     */
    List<Header> copiedHeaders(ConsumerRecord<byte[], byte[]> request) {
        List<Header> headers = new ArrayList<>();
        int bytes = 0;
        for (String name : copied) {
            Header header = request.headers().lastHeader(name);
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

    /** The route of the result of a request. */
    Route route(ConsumerRecord<byte[], byte[]> request) {
        Headers headers = request.headers();
        for (Form form : FORMS) {
            Optional<Header> topic = Optional.ofNullable(headers.lastHeader(form.topic));
            Optional<Header> partition = Optional.ofNullable(headers.lastHeader(form.partition));
            if (topic.isPresent() || partition.isPresent()) {
                return route(topic, partition);
            }
        }
        return new Route.Accepted(toResults());
    }

    private Route route(Optional<Header> topicHeader, Optional<Header> partitionHeader) {
        String topic = topicHeader.map(ReplyRouting::text).orElse(topics.results());
        OptionalInt count = topics.partitions(topic);
        if (count.isEmpty()) {
            String name = topicHeader.orElseThrow().key();
            return refused(
                    "reply_topic_not_allowed",
                    name,
                    "header '" + name + "' names a topic that is not in 'tidemark.replies.topics'");
        }
        if (partitionHeader.isEmpty()) {
            return new Route.Accepted(new Destination(topic, OptionalInt.empty()));
        }
        Header header = partitionHeader.get();
        OptionalInt partition = number(header.value());
        if (partition.isEmpty() || partition.getAsInt() < 0 || partition.getAsInt() >= count.getAsInt()) {
            return refused(
                    "invalid_reply_partition",
                    header.key(),
                    "header '" + header.key() + "' must be a partition of the reply topic, from 0 to "
                            + (count.getAsInt() - 1) + ", as 4 bytes in big-endian order");
        }
        return new Route.Accepted(new Destination(topic, partition));
    }

    private Route refused(String code, String header, String message) {
        return new Route.Refused(toResults(), ErrorBody.invalidRequest(code, header, message));
    }

    private Destination toResults() {
        return new Destination(topics.results(), OptionalInt.empty());
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
