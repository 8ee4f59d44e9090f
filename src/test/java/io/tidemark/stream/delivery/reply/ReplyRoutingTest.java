package io.tidemark.stream.delivery.reply;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.smallrye.reactive.messaging.kafka.reply.KafkaRequestReply;
import io.tidemark.message.ErrorBody;
import io.tidemark.stream.delivery.Deliveries;
import io.tidemark.stream.topics.ReplyTopics;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReplyRoutingTest {

    private final ConsumerRecord<byte[], byte[]> request = new ConsumerRecord<>("requests", 0, 7, null, new byte[0]);

    @Test
    @DisplayName("The headers that Spring's ReplyingKafkaTemplate writes direct the result to its topic and partition")
    void spring() {
        byte[] correlation = {(byte) 0xfe, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, (byte) 0x80};
        with("kafka_replyTopic", "spring-replies".getBytes(UTF_8));
        with("kafka_replyPartition", new byte[] {0, 0, 0, 2});
        with("kafka_correlationId", correlation);
        ReplyRouting routing = routing("");
        assertAccepted(routing.reply(request), "spring-replies", OptionalInt.of(2));
        assertThat(routing.reply(request).headers()).singleElement().satisfies(header -> {
            assertThat(header.key()).isEqualTo("kafka_correlationId");
            assertThat(header.value()).isEqualTo(correlation);
        });
    }

    @Test
    @DisplayName("The headers that SmallRye's KafkaRequestReply writes direct the result to its topic and partition")
    void smallRye() {
        with(KafkaRequestReply.DEFAULT_REPLY_TOPIC_HEADER, "smallrye-replies".getBytes(UTF_8));
        with(KafkaRequestReply.DEFAULT_REPLY_PARTITION_HEADER, KafkaRequestReply.replyPartitionToBytes(258));
        with(
                KafkaRequestReply.DEFAULT_REPLY_CORRELATION_ID_HEADER,
                "0f5a1c9e-5a04-4a2c-9dbb-0f1b6c1c8a11".getBytes(UTF_8));
        ReplyRouting routing = routing("");
        assertThat(request.headers().lastHeader("REPLY_PARTITION").value()).containsExactly(0, 0, 1, 2);
        assertAccepted(routing.reply(request), "smallrye-replies", OptionalInt.of(258));
        assertThat(names(routing.reply(request).headers())).containsExactly("REPLY_CORRELATION_ID");
    }

    @Test
    @DisplayName("Without reply headers the result goes to the results topic; its key determines the partition")
    void noHeaders() {
        TopicReply reply = routing("").reply(request);
        assertAccepted(reply, "results", OptionalInt.empty());
        ProducerRecord<byte[], byte[]> record = reply.result(null, new byte[0]);
        assertThat(record.topic()).isEqualTo("results");
        assertThat(record.partition()).isNull();
    }

    @Test
    @DisplayName("A topic without a partition leaves the partition to the key, and the results topic may be named")
    void topicOnly() {
        with("REPLY_TOPIC", "results".getBytes(UTF_8));
        assertAccepted(routing("").reply(request), "results", OptionalInt.empty());
    }

    @Test
    @DisplayName("A partition without a topic is one of the results topic")
    void partitionOnly() {
        with("REPLY_PARTITION", new byte[] {0, 0, 0, 3});
        assertAccepted(routing("").reply(request), "results", OptionalInt.of(3));
        with("REPLY_PARTITION", new byte[] {0, 0, 0, 4});
        assertThat(error(routing("").reply(request)).code()).isEqualTo("invalid_reply_partition");
    }

    @Test
    @DisplayName("With Spring's headers those of SmallRye are ignored, and the last header of a name counts")
    void precedence() {
        with("REPLY_TOPIC", "elsewhere".getBytes(UTF_8));
        with("REPLY_PARTITION", new byte[] {0, 0, 0, 1});
        with("kafka_replyTopic", "elsewhere".getBytes(UTF_8));
        with("kafka_replyTopic", "spring-replies".getBytes(UTF_8));
        assertAccepted(routing("").reply(request), "spring-replies", OptionalInt.empty());
    }

    @ParameterizedTest
    @ValueSource(strings = {"elsewhere", "", "spring-replies ", "Spring-replies"})
    @DisplayName("A topic that is not allowed gives an error that names the header and not the topic")
    void topicNotAllowed(String topic) {
        with("kafka_replyTopic", topic.getBytes(UTF_8));
        with("kafka_replyPartition", new byte[] {0, 0, 0, 0});
        TopicReply reply = routing("").reply(request);
        assertThat(reply.topic()).isEqualTo("results");
        assertThat(reply.partition()).isEmpty();
        assertThat(error(reply).code()).isEqualTo("reply_topic_not_allowed");
        assertThat(error(reply).param()).isEqualTo(Optional.of("kafka_replyTopic"));
        assertThat(error(reply).message()).doesNotContain("elsewhere");
    }

    @Test
    @DisplayName("A topic that is null or not UTF-8 is not allowed")
    void topicWithoutText() {
        with("REPLY_TOPIC", null);
        assertThat(error(routing("").reply(request)).param()).isEqualTo(Optional.of("REPLY_TOPIC"));
        with("REPLY_TOPIC", new byte[] {(byte) 0xff, (byte) 0xfe});
        assertThat(error(routing("").reply(request)).code()).isEqualTo("reply_topic_not_allowed");
    }

    @Test
    @DisplayName("A partition that the topic does not have, or that is not 4 bytes, gives an error of its header")
    void partitionInvalid() {
        byte[][] invalid = {
            {0, 0, 0, 3}, {(byte) 0xff, (byte) 0xff, (byte) 0xff, (byte) 0xff}, {}, {1}, {0, 0, 0, 0, 1}, {'1'}, null
        };
        with("kafka_replyTopic", "spring-replies".getBytes(UTF_8));
        for (byte[] partition : invalid) {
            with("kafka_replyPartition", partition);
            TopicReply reply = routing("").reply(request);
            assertThat(reply.topic()).isEqualTo("results");
            assertThat(reply.partition()).isEmpty();
            assertThat(error(reply).code()).as(Arrays.toString(partition)).isEqualTo("invalid_reply_partition");
            assertThat(error(reply).param()).isEqualTo(Optional.of("kafka_replyPartition"));
        }
    }

    @Test
    @DisplayName("Trace headers, correlation ids and the headers of the setting are copied, each once, and no others")
    void copied() {
        for (String name : List.of(
                "tenant", "other", "kafka_replyTopic", "correlation-id", "tracestate", "traceparent", "tenant")) {
            with(name, new byte[] {1});
        }
        assertThat(names(routing("tenant,traceparent").reply(request).headers()))
                .containsExactly("traceparent", "tracestate", "correlation-id", "tenant");
    }

    @Test
    @DisplayName("A header above 1 KiB or without a value is not copied")
    void largeHeader() {
        with("traceparent", new byte[1025]);
        with("tracestate", new byte[1024]);
        with("correlation-id", null);
        assertThat(names(routing("").reply(request).headers())).containsExactly("tracestate");
    }

    @Test
    @DisplayName("All copied headers have at most 8 KiB together, names included")
    void allHeaders() {
        for (String name : "a,b,c,d,e,f,g,h,i,j".split(",")) {
            with(name, new byte[1000]);
        }
        with("j", new byte[100]);
        List<Header> copied = routing("a,b,c,d,e,f,g,h,i,j").reply(request).headers();
        // 8 * 1001 bytes leave room for 101 bytes more
        assertThat(names(copied)).containsExactly("a", "b", "c", "d", "e", "f", "g", "h", "j");
        assertThat(copied.stream()
                        .mapToInt(header -> header.key().length() + header.value().length)
                        .sum())
                .isLessThanOrEqualTo(ReplyRouting.MAX_COPIED_BYTES);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    @DisplayName("The header of the Java client is copied before all others, which never take its place")
    void correlation(boolean named) {
        for (String name : "traceparent,a,b,c,d,e,f,g".split(",")) {
            with(name, new byte[1023 - name.length()]);
        }
        byte[] correlation = new byte[16];
        with("h", new byte[7]);
        with("tidemark-correlation", correlation);
        List<Header> copied = routing("a,b,c,d,e,f,g,h" + (named ? ",tidemark-correlation" : ""))
                .reply(request)
                .headers();
        assertThat(names(copied))
                .containsExactly("tidemark-correlation", "traceparent", "a", "b", "c", "d", "e", "f", "h");
        assertThat(copied.get(0).value()).isEqualTo(correlation);
    }

    @Test
    @DisplayName("Of several headers of the Java client the last one is copied, within the limit of any header")
    void oddCorrelations() {
        with("tidemark-correlation", new byte[16]);
        with("tidemark-correlation", new byte[] {7});
        assertThat(routing("").reply(request).headers())
                .singleElement()
                .satisfies(header -> assertThat(header.value()).containsExactly(7));
        with("tidemark-correlation", new byte[1025]);
        assertThat(routing("").reply(request).headers()).isEmpty();
    }

    private void with(String name, byte[] value) {
        request.headers().add(name, value);
    }

    @Test
    @DisplayName("Are read in one pass, and cost no heap later if they are too long for a dead letter")
    void manyHeaders() {
        AtomicInteger passes = new AtomicInteger();
        Headers many = new RecordHeaders() {
            @Override
            public Iterator<Header> iterator() {
                passes.incrementAndGet();
                return super.iterator();
            }

            @Override
            public Header lastHeader(String key) {
                throw new AssertionError("a pass for one name");
            }
        };
        many.add("kafka_replyTopic", "spring-replies".getBytes(UTF_8));
        many.add("traceparent", "first".getBytes(UTF_8));
        for (int i = 0; i < 10_000; i++) {
            many.add("", new byte[0]);
        }
        many.add("traceparent", "last".getBytes(UTF_8));
        ConsumerRecord<byte[], byte[]> request = new ConsumerRecord<>(
                "requests",
                0,
                7,
                1,
                TimestampType.LOG_APPEND_TIME,
                2,
                3,
                new byte[2],
                new byte[3],
                many,
                Optional.of(4));
        TopicReply reply = routing("a,b,c").reply(request);
        assertThat(passes).hasValue(1);
        assertAccepted(reply, "spring-replies", OptionalInt.empty());
        assertThat(reply.headers())
                .singleElement()
                .satisfies(header -> assertThat(header.value()).asString().isEqualTo("last"));

        Delivery delivery = Deliveries.delivery(
                Deliveries.progress(new TopicPartition("requests", 0)), request, Deliveries.toResults("results"));
        assertThat(delivery.record().headers()).isEmpty();
        assertThat(delivery.readBytes()).isLessThan(1_000);
        assertThat(delivery.record())
                .usingRecursiveComparison()
                .ignoringFields("headers")
                .isEqualTo(request);
    }

    private static ReplyRouting routing(String headers) {
        return new ReplyRouting(
                headers.isEmpty() ? List.of() : List.of(headers.split(",")),
                new ReplyTopics("results", Map.of("results", 4, "spring-replies", 3, "smallrye-replies", 300)),
                new EventWriter(event -> {}));
    }

    private static void assertAccepted(TopicReply reply, String topic, OptionalInt partition) {
        assertThat(reply.refusal()).isEmpty();
        assertThat(reply.topic()).isEqualTo(topic);
        assertThat(reply.partition()).isEqualTo(partition);
    }

    private static ErrorBody error(TopicReply reply) {
        return reply.refusal().orElseThrow();
    }

    private static List<String> names(List<Header> headers) {
        return headers.stream().map(Header::key).toList();
    }
}
