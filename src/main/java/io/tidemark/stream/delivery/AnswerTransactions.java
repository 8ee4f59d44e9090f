package io.tidemark.stream.delivery;

import io.tidemark.message.ErrorBody;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.text.LogText;
import io.tidemark.time.Time;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.Header;
import org.jboss.logging.Logger;

/**
 * Writes answers and the offsets of their requests, each batch of them in one transaction of one transactional
 * producer. {@link #write} begins and ends it. After a failure it changes the answer that has caused it, so that the
 * next transaction can be written.
 *
 * <p>Used by one thread at a time. {@link PendingAnswers} calls {@link #write} on the thread
 * {@code tidemark-transactions}.
 */
final class AnswerTransactions implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(AnswerTransactions.class);
    private static final ErrorBody TOO_LARGE =
            ErrorBody.serverError("result_too_large", "the result is larger than its topic permits");
    private static final ErrorBody NO_REPLY_TOPIC =
            ErrorBody.serverError("reply_topic_failed", "the result could not be written to the reply topic");
    private static final ErrorBody NOT_ENCODED =
            ErrorBody.serverError("internal_error", "the result could not be encoded");
    private static final Duration RETRY = Duration.ofMillis(200);
    private static final Duration CLOSE = Duration.ofSeconds(5);

    /** Upper bound for what a batch adds to a record. */
    private static final int RECORD_OVERHEAD_BYTES = 1024;

    private final Supplier<Producer<byte[], byte[]>> producers;
    private final TopicLayout topics;
    private final UnwritableTopics unwritable;
    private final BooleanSupplier givesUp;
    private final Time time;

    private volatile Producer<byte[], byte[]> producer;
    private volatile boolean closed;
    /** Read by other threads. */
    private volatile Optional<String> failure = Optional.empty();

    /** How a transaction ended. */
    enum Outcome {
        COMMITTED,
        /** Nothing was written. The caller polls and tries again. */
        ABORTED,
        /** The caller compares with the committed offsets. */
        UNKNOWN
    }

    /** A record of a transaction whose send has failed. */
    private record Failure(PendingAnswer answer, boolean isLetter, Exception reason) {}

    /**
     * @param producers creates a transactional producer; all of them have the same transactional id
     * @param givesUp   true ends the wait for a broker that does not respond
     */
    AnswerTransactions(
            Supplier<Producer<byte[], byte[]>> producers,
            TopicLayout topics,
            UnwritableTopics unwritable,
            BooleanSupplier givesUp,
            Time time) {
        this.producers = producers;
        this.topics = topics;
        this.unwritable = unwritable;
        this.givesUp = givesUp;
        this.time = time;
        this.producer = open();
    }

    /**
     * Writes answers and offsets.
     *
     * @param offsets of all partitions of the answers, and of others whose metadata has changed
     * @throws RuntimeException if the producer can't be replaced, or after a failure if {@code givesUp} is true; the
     *     transaction is then open or of unknown outcome
     */
    Outcome write(
            List<PendingAnswer> answers, Map<TopicPartition, OffsetAndMetadata> offsets, ConsumerGroupMetadata group) {
        List<Failure> failures = new ArrayList<>();
        boolean committing = false;
        try {
            producer.beginTransaction();
            for (PendingAnswer answer : answers) {
                send(answer, failures);
                // a further send could wait for metadata or memory although the transaction has failed
                throwFirst(failures);
            }
            producer.sendOffsetsToTransaction(offsets, group);
            committing = true;
            commit();
            failure = Optional.empty();
            return Outcome.COMMITTED;
        } catch (RuntimeException e) {
            failure = Optional.of(String.valueOf(e.getMessage()));
            if (closed || givesUp.getAsBoolean()) {
                throw e;
            }
            LOG.warnf("a transaction with %d results failed and is repeated: %s", answers.size(), e.getMessage());
            boolean aborted = abort();
            changeFailed(failures);
            if (!aborted) {
                replace();
                return Outcome.UNKNOWN;
            }
            return committing ? Outcome.UNKNOWN : Outcome.ABORTED;
        }
    }

    /** Why the last transaction was not committed. */
    Optional<String> failure() {
        return failure;
    }

    /** Repeats a commit of unknown outcome, which has no effect if the transaction is committed already. */
    private void commit() {
        while (true) {
            try {
                producer.commitTransaction();
                return;
            } catch (TimeoutException e) {
                if (givesUp.getAsBoolean()) {
                    throw e;
                }
                LOG.warnf("the commit of a transaction is repeated: %s", e.getMessage());
            }
        }
    }

    /** Returns false if this producer can't abort the transaction, so that it must be replaced. */
    private boolean abort() {
        try {
            producer.abortTransaction();
            return true;
        } catch (KafkaException | IllegalStateException e) {
            LOG.warnf("the producer of results is replaced: %s", e.getMessage());
            return false;
        }
    }

    private void replace() {
        producer.close(Duration.ZERO);
        producer = open();
    }

    private Producer<byte[], byte[]> open() {
        while (true) {
            Producer<byte[], byte[]> opened = producers.get();
            try {
                opened.initTransactions();
                if (closed) {
                    throw new KafkaException("the session has ended");
                }
                return opened;
            } catch (TimeoutException e) {
                opened.close(Duration.ZERO);
                if (closed || givesUp.getAsBoolean()) {
                    throw e;
                }
                LOG.warnf("the producer of results is opened again: %s", e.getMessage());
                time.sleep(RETRY);
            } catch (RuntimeException e) {
                opened.close(Duration.ZERO);
                throw e;
            }
        }
    }

    private void send(PendingAnswer answer, List<Failure> failures) {
        if (unwritable.contains(answer.topic())) {
            answer.divert(topics.results(), NO_REPLY_TOPIC);
        }
        ProducerRecord<byte[], byte[]> result;
        try {
            result = answer.result();
        } catch (UncheckedIOException e) {
            LOG.errorf(e, "the result of the request at %s can't be encoded", answer.delivery());
            answer.replaceBy(NOT_ENCODED);
            result = answer.result();
        }
        if (isTooLarge(result)) {
            answer.replaceBy(TOO_LARGE);
            result = answer.result();
        }
        producer.send(result, (metadata, reason) -> fail(failures, answer, false, reason));
        if (!unwritable.contains(topics.deadLetters())) {
            answer.letter(topics.deadLetters())
                    .ifPresent(letter ->
                            producer.send(letter, (metadata, reason) -> fail(failures, answer, true, reason)));
        }
    }

    private static void fail(List<Failure> failures, PendingAnswer answer, boolean isLetter, Exception reason) {
        if (reason != null) {
            synchronized (failures) {
                failures.add(new Failure(answer, isLetter, reason));
            }
        }
    }

    /**
     * Finds the answer whose record failed first, and changes it so that the next transaction can be written. Later
     * failures are not a cause: the producer gives the same exception to records that it has not sent yet.
     */
    private void changeFailed(List<Failure> failures) {
        Optional<Failure> first = first(failures);
        if (first.isEmpty()) {
            return;
        }
        PendingAnswer answer = first.get().answer;
        Exception reason = first.get().reason;
        boolean tooLarge = reason instanceof RecordTooLargeException;
        if (first.get().isLetter) {
            if (tooLarge || unwritable.add(topics.deadLetters(), reason)) {
                LOG.warnf(
                        "the dead letter of the request at %s can't be written and is left out: %s",
                        answer.delivery(), reason.getMessage());
                answer.leaveOutLetter();
            }
        } else if (tooLarge) {
            if (answer.answer().error().equals(Optional.of(TOO_LARGE))) {
                answer.markUnwritable();
            }
            answer.replaceBy(TOO_LARGE);
        } else if (!answer.topic().equals(topics.results()) && unwritable.add(answer.topic(), reason)) {
            LOG.warnf("the reply topic '%s' can't be written: %s", LogText.of(answer.topic()), reason.getMessage());
        }
    }

    private static Optional<Failure> first(List<Failure> failures) {
        synchronized (failures) {
            return failures.stream().findFirst();
        }
    }

    private static void throwFirst(List<Failure> failures) {
        first(failures).ifPresent(failure -> {
            throw new KafkaException("a record could not be sent: " + failure.reason.getMessage(), failure.reason);
        });
    }

    private static boolean isTooLarge(ProducerRecord<byte[], byte[]> record) {
        long bytes = record.key().length + record.value().length + RECORD_OVERHEAD_BYTES;
        for (Header header : record.headers()) {
            bytes += header.key().length() + header.value().length;
        }
        return bytes > KafkaConnection.MAX_REQUEST_BYTES;
    }

    /** Aborts an open transaction. May be called while another thread writes, which then throws. */
    @Override
    public void close() {
        closed = true;
        producer.close(CLOSE);
    }
}
