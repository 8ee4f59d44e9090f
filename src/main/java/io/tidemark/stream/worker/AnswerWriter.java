package io.tidemark.stream.worker;

import io.tidemark.message.ErrorBody;
import io.tidemark.message.EventMessage;
import io.tidemark.message.ResultMessage;
import io.tidemark.message.TopicJson;
import io.tidemark.stream.topics.DeadLetter;
import io.tidemark.stream.topics.TopicLayout;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.Header;
import org.jboss.logging.Logger;

/**
 * Writes results, events and dead letters with one idempotent producer. All methods return at once: records are
 * serialized and sent in order on the thread {@code tidemark-answers}, because a producer blocks when its buffer is
 * full and the threads of the engine must not block.
 *
 * <p>A future completes when all in-sync replicas have the record. A failed send is repeated until it succeeds or the
 * writer is closed. While the writer is open, a future fails only for a record that can never be sent: it is too large,
 * or it can't be serialized.
 */
public final class AnswerWriter implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(AnswerWriter.class);

    private static final long RETRY_MS = 1000;

    /**
     * Limit for a trace header, so that it can't make a result too large. W3C requires 512 characters of tracestate.
     */
    private static final int MAX_TRACE_BYTES = 1024;

    private final Producer<byte[], byte[]> producer;
    private final TopicLayout topics;
    private final ExecutorService thread =
            Executors.newSingleThreadExecutor(work -> new Thread(work, "tidemark-answers"));

    /** @param producer idempotent, acks=all; closed with the writer */
    public AnswerWriter(Producer<byte[], byte[]> producer, TopicLayout topics) {
        this.producer = producer;
        this.topics = topics;
    }

    CompletableFuture<Void> result(IncomingRequest request, ResultMessage result) {
        return send(
                request,
                () -> traced(
                        request, new ProducerRecord<>(topics.results(), utf8(result.id()), TopicJson.write(result))));
    }

    /** Sends an event once, without retries: the result contains the whole text. */
    void event(IncomingRequest request, EventMessage event) {
        execute(
                () -> producer.send(
                        traced(
                                request,
                                new ProducerRecord<>(topics.events(), utf8(event.id()), TopicJson.write(event))),
                        (metadata, failure) -> {
                            if (failure != null) {
                                LOG.warnf(
                                        "an event of request '%s' could not be written: %s",
                                        event.id(), failure.getMessage());
                            }
                        }),
                failure -> LOG.debugf("an event was dropped: %s", failure.getMessage()));
    }

    CompletableFuture<Void> deadLetter(IncomingRequest request, ErrorBody error) {
        return send(request, () -> DeadLetter.of(request.record(), error, topics.deadLetters()));
    }

    /** Whether futures fail because of {@link #close}. */
    boolean isClosed() {
        return thread.isShutdown();
    }

    private CompletableFuture<Void> send(IncomingRequest request, Supplier<ProducerRecord<byte[], byte[]>> record) {
        CompletableFuture<Void> written = new CompletableFuture<>();
        execute(() -> sendUntilWritten(request, record.get(), written), written::completeExceptionally);
        return written;
    }

    private void sendUntilWritten(
            IncomingRequest request, ProducerRecord<byte[], byte[]> record, CompletableFuture<Void> written) {
        producer.send(record, (metadata, failure) -> {
            if (failure == null) {
                written.complete(null);
            } else if (failure instanceof RecordTooLargeException) {
                written.completeExceptionally(failure);
            } else {
                LOG.warnf(
                        "writing to '%s' for the request at %s failed, retrying: %s",
                        record.topic(), request.position(), failure.getMessage());
                CompletableFuture.delayedExecutor(RETRY_MS, TimeUnit.MILLISECONDS)
                        .execute(() -> execute(
                                () -> sendUntilWritten(request, record, written), written::completeExceptionally));
            }
        });
    }

    private void execute(Runnable work, Consumer<Throwable> onFailure) {
        try {
            thread.execute(() -> {
                try {
                    work.run();
                } catch (RuntimeException | Error e) {
                    // errors as well: otherwise the future would never complete
                    LOG.error("an answer could not be sent", e);
                    onFailure.accept(e);
                }
            });
        } catch (RejectedExecutionException e) {
            onFailure.accept(e);
        }
    }

    private static ProducerRecord<byte[], byte[]> traced(
            IncomingRequest request, ProducerRecord<byte[], byte[]> record) {
        for (String name : new String[] {"traceparent", "tracestate"}) {
            Header header = request.record().headers().lastHeader(name);
            if (header != null && header.value() != null && header.value().length <= MAX_TRACE_BYTES) {
                record.headers().add(header);
            }
        }
        return record;
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Sends the records of previous calls for up to 5 seconds, then closes the producer. */
    @Override
    public void close() {
        thread.shutdown();
        try {
            if (!thread.awaitTermination(5, TimeUnit.SECONDS)) {
                LOG.warn("some answers were not sent before the timeout");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        producer.close(Duration.ofSeconds(5));
    }
}
