package io.tidemark.stream.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.tidemark.message.ErrorBody;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.metrics.WorkerMetrics;
import io.tidemark.stream.topics.TopicLayout;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.function.UnaryOperator;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Replies")
class RepliesTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(10);

    private static final TopicLayout TOPICS =
            TopicLayout.of(TestSettings.with(Map.of()).topics());

    private final NoLetters producer = new NoLetters();
    private final AnswerWriter writer = new AnswerWriter(producer, TOPICS);
    private final Replies replies = new Replies(
            writer,
            new Results("base", 2, "w", Clock.systemUTC()),
            new WorkerMetrics(new SimpleMeterRegistry()),
            UnaryOperator.identity());

    @AfterEach
    void close() {
        writer.close();
    }

    @Test
    @DisplayName("Skip a dead letter that is too large for its topic, and write the result")
    void letterTooLarge() {
        assertThat(reject(new byte[0])).succeedsWithin(TIMEOUT);
        assertThat(producer.history()).extracting(ProducerRecord::topic).containsExactly(TOPICS.results());
    }

    @Test
    @DisplayName("Do not copy a trace header above 1 KiB to the result")
    void hugeTrace() {
        assertThat(reject(new byte[2000])).succeedsWithin(TIMEOUT);
        assertThat(producer.history().get(0).headers()).isEmpty();
    }

    @Test
    @DisplayName("Do not complete after the writer was closed, so that the request is delivered again")
    void closed() {
        writer.close();
        assertThat(reject(new byte[0])).isNotCompleted();
    }

    private CompletableFuture<Void> reject(byte[] trace) {
        ConsumerRecord<byte[], byte[]> record = new ConsumerRecord<>("t", 0, 7, null, new byte[1]);
        record.headers().add("tracestate", trace);
        return replies.reject(
                new IncomingRequest(record, 1),
                "id",
                Optional.empty(),
                ErrorBody.invalidRequest("code", "field", "message"));
    }

    /** Refuses dead letters as too large. */
    private static final class NoLetters extends MockProducer<byte[], byte[]> {

        NoLetters() {
            super(true, null, new ByteArraySerializer(), new ByteArraySerializer());
        }

        @Override
        public synchronized Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> record, Callback callback) {
            if (record.topic().equals(TOPICS.deadLetters())) {
                callback.onCompletion(null, new RecordTooLargeException("too large"));
                return CompletableFuture.failedFuture(new RecordTooLargeException("too large"));
            }
            return super.send(record, callback);
        }
    }
}
