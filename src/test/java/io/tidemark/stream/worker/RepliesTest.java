package io.tidemark.stream.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.tidemark.message.ErrorBody;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.metrics.WorkerMetrics;
import io.tidemark.stream.topics.TopicLayout;
import java.time.Clock;
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
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class RepliesTest {

    private static final TopicLayout TOPICS =
            TopicLayout.of(TestSettings.with(Map.of()).topics());

    private final NoLetters producer = new NoLetters();
    private final AnswerWriter writer = new AnswerWriter(producer, TOPICS);
    private final Replies replies = new Replies(
            writer,
            new Results(new WorkerIdentity("base", 2, "w"), Clock.systemUTC()),
            new WorkerMetrics(new SimpleMeterRegistry()),
            UnaryOperator.identity());
    private final CompletableFuture<Void> answered = new CompletableFuture<>();

    @AfterEach
    void close() {
        writer.close();
    }

    @Test
    @DisplayName("a dead letter that is too large for its topic is given up, and the request is answered all the same")
    void letterTooLarge() {
        refuse(new byte[0]);
        Awaitility.await().until(answered::isDone);
        assertThat(producer.history()).extracting(ProducerRecord::topic).containsExactly(TOPICS.results());
    }

    @Test
    @DisplayName("a trace header that no one could have meant is not copied to the result")
    void hugeTrace() {
        refuse(new byte[2000]);
        Awaitility.await().until(answered::isDone);
        assertThat(producer.history().get(0).headers()).isEmpty();
    }

    @Test
    @DisplayName("once the writer is closed a request stays open, to be read again")
    void closed() {
        writer.close();
        refuse(new byte[0]);
        assertThat(answered).isNotDone();
    }

    private void refuse(byte[] trace) {
        ConsumerRecord<byte[], byte[]> record = new ConsumerRecord<>("t", 0, 7, null, new byte[1]);
        record.headers().add("tracestate", trace);
        replies.refuse(
                new IncomingRequest(record, 1),
                "id",
                Optional.empty(),
                ErrorBody.invalidRequest("code", "field", "message"),
                answered);
    }

    /** Takes everything but dead letters. */
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
