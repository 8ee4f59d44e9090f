package io.tidemark.stream.worker;

import io.tidemark.message.ErrorBody;
import io.tidemark.message.TopicJson;
import io.tidemark.stream.topics.DeadLetter;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.text.LogText;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.Header;
import org.jboss.logging.Logger;

/**
 * Writes answers and the offsets of their requests, each batch of them in one transaction of one transactional
 * producer. {@link #write} begins and ends it.
 *
 * <p>Used by one thread at a time. {@link PendingAnswers} calls {@link #write} on the thread
 * {@code tidemark-transactions}.
 */
final class AnswerTransactions implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(AnswerTransactions.class);
    private static final ErrorBody TOO_LARGE =
            ErrorBody.serverError("result_too_large", "the result is larger than the topic of results permits");
    private static final ErrorBody NO_REPLY_TOPIC =
            ErrorBody.serverError("reply_topic_failed", "the result could not be written to the reply topic");
    private static final ErrorBody NOT_ENCODED =
            ErrorBody.serverError("internal_error", "the result could not be encoded");
    private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

    /** Time in which nothing is sent to a reply topic, or the topic of dead letters, that could not be written. */
    private static final long FAILED_TOPIC_NANOS = TimeUnit.MINUTES.toNanos(1);

    /** Upper bound for what a batch adds to a record. */
    private static final int RECORD_OVERHEAD_BYTES = 1024;

    /** Of a call of the admin client. */
    private static final int CALL_SECONDS = 5;

    private static final int TRANSACTION_TIMEOUT_MS = 10_000;
    /** Below the timeout of the transaction, so that a record that no broker takes is known before it is aborted. */
    private static final int REQUEST_TIMEOUT_MS = 4_000;

    private static final int DELIVERY_TIMEOUT_MS = 8_000;
    /** Grows with each attempt, up to {@code retry.backoff.max.ms}. */
    private static final int RETRY_BACKOFF_MS = 2;

    private final Supplier<Producer<byte[], byte[]>> producers;
    private final TopicLayout topics;
    private final ReplyRouting routing;
    private final Predicate<String> isMissing;
    private final BooleanSupplier givesUp;
    /** Topics that could not be written, with the time of the last failure. */
    private final Map<String, Long> failedTopics = new HashMap<>();

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

    /** A request with its answer, from the end of its generation to its commit. */
    static final class Entry {

        private final IncomingRequest request;
        private final PartitionProgress progress;
        private Answer answer;
        private boolean withoutLetter;
        private boolean toDefaultTopic;
        /** Also read by {@code tidemark-requests} while a transaction runs. */
        private volatile boolean unwritable;

        Entry(IncomingRequest request, PartitionProgress progress, Answer answer) {
            this.request = request;
            this.progress = progress;
            this.answer = answer;
        }

        IncomingRequest request() {
            return request;
        }

        PartitionProgress progress() {
            return progress;
        }

        Answer answer() {
            return answer;
        }

        /** Whether the broker refuses even an error in place of the result. The request stays open. */
        boolean isUnwritable() {
            return unwritable;
        }
    }

    /** A record of a transaction whose send has failed. */
    private record Failure(Entry entry, boolean isLetter, Exception reason) {}

    /**
     * @param producers creates a transactional producer; all of them have the same transactional id
     * @param isMissing asks the cluster whether a topic does not exist
     * @param givesUp   true ends the wait for a broker that does not respond
     */
    AnswerTransactions(
            Supplier<Producer<byte[], byte[]>> producers,
            TopicLayout topics,
            ReplyRouting routing,
            Predicate<String> isMissing,
            BooleanSupplier givesUp) {
        this.producers = producers;
        this.topics = topics;
        this.routing = routing;
        this.isMissing = isMissing;
        this.givesUp = givesUp;
        this.producer = open();
    }

    /** Answers of a process of this transactional id. */
    static AnswerTransactions open(
            KafkaConnection kafka,
            String transactionalId,
            Admin admin,
            TopicLayout topics,
            ReplyRouting routing,
            BooleanSupplier givesUp) {
        return new AnswerTransactions(
                () -> newProducer(kafka, transactionalId), topics, routing, topic -> isMissing(admin, topic), givesUp);
    }

    /**
     * Writes answers and offsets.
     *
     * @param offsets of all partitions of the answers, and of others whose metadata has changed
     * @throws RuntimeException if the producer can't be replaced, or after a failure if {@code givesUp} is true; the
     *     transaction is then open or of unknown outcome
     */
    Outcome write(List<Entry> answers, Map<TopicPartition, OffsetAndMetadata> offsets, ConsumerGroupMetadata group) {
        List<Failure> failures = new ArrayList<>();
        boolean committing = false;
        try {
            producer.beginTransaction();
            for (Entry entry : answers) {
                send(entry, failures);
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
            removeCulprit(failures);
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
                return opened;
            } catch (TimeoutException e) {
                opened.close(Duration.ZERO);
                if (closed || givesUp.getAsBoolean()) {
                    throw e;
                }
                LOG.warnf("the producer of results is opened again: %s", e.getMessage());
                LockSupport.parkNanos(RETRY_NANOS);
            } catch (RuntimeException e) {
                opened.close(Duration.ZERO);
                throw e;
            }
        }
    }

    private void send(Entry entry, List<Failure> failures) {
        if (hasFailed(topic(entry))) {
            entry.toDefaultTopic = true;
            entry.answer = entry.answer.replacedBy(NO_REPLY_TOPIC);
        }
        ProducerRecord<byte[], byte[]> result;
        try {
            result = result(entry);
        } catch (UncheckedIOException e) {
            LOG.errorf(e, "the result of the request at %s can't be encoded", entry.request.position());
            entry.answer = entry.answer.replacedBy(NOT_ENCODED);
            result = result(entry);
        }
        if (isTooLarge(result)) {
            entry.answer = entry.answer.replacedBy(TOO_LARGE);
            result = result(entry);
        }
        producer.send(result, (metadata, reason) -> fail(failures, entry, false, reason));
        Optional<ProducerRecord<byte[], byte[]>> letter = entry.answer
                .error()
                .filter(error -> !entry.withoutLetter && !hasFailed(topics.deadLetters()))
                .map(error -> DeadLetter.of(entry.request.record(), error, topics.deadLetters()));
        letter.ifPresent(record -> producer.send(record, (metadata, reason) -> fail(failures, entry, true, reason)));
    }

    private static void fail(List<Failure> failures, Entry entry, boolean isLetter, Exception reason) {
        if (reason != null) {
            synchronized (failures) {
                failures.add(new Failure(entry, isLetter, reason));
            }
        }
    }

    /**
     * Finds the answer whose record failed first, and changes it so that the next transaction can be written. Later
     * failures are not a cause: the producer gives the same exception to records that it has not sent yet.
     */
    private void removeCulprit(List<Failure> failures) {
        Optional<Failure> first = first(failures);
        if (first.isEmpty()) {
            return;
        }
        Failure failure = first.get();
        Entry entry = failure.entry;
        boolean tooLarge = failure.reason instanceof RecordTooLargeException;
        if (failure.isLetter && (tooLarge || isAboutTopic(failure.reason, topics.deadLetters()))) {
            LOG.warnf(
                    "the dead letter of the request at %s can't be written and is left out: %s",
                    entry.request.position(), failure.reason.getMessage());
            entry.withoutLetter = true;
            if (!tooLarge) {
                failedTopics.put(topics.deadLetters(), System.nanoTime());
            }
        } else if (tooLarge) {
            entry.unwritable = entry.answer.error().equals(Optional.of(TOO_LARGE));
            entry.answer = entry.answer.replacedBy(TOO_LARGE);
        } else if (!failure.isLetter) {
            String topic = topic(entry);
            if (!topic.equals(topics.results()) && isAboutTopic(failure.reason, topic)) {
                LOG.warnf("the reply topic '%s' can't be written: %s", LogText.of(topic), failure.reason.getMessage());
                failedTopics.put(topic, System.nanoTime());
            }
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

    private boolean isAboutTopic(Exception reason, String topic) {
        return reason instanceof TopicAuthorizationException
                || reason instanceof InvalidTopicException
                || (reason instanceof TimeoutException || reason instanceof UnknownTopicOrPartitionException)
                        && isMissing.test(topic);
    }

    private boolean hasFailed(String topic) {
        Long since = failedTopics.get(topic);
        return since != null && System.nanoTime() - since < FAILED_TOPIC_NANOS;
    }

    /** The topic of a result. */
    private String topic(Entry entry) {
        return entry.toDefaultTopic
                ? topics.results()
                : routing.route(entry.request.record()).destination().topic();
    }

    private ProducerRecord<byte[], byte[]> result(Entry entry) {
        ReplyRouting.Destination destination = entry.toDefaultTopic
                ? new ReplyRouting.Destination(topics.results(), OptionalInt.empty())
                : routing.route(entry.request.record()).destination();
        return destination.record(
                entry.answer.result().id().getBytes(StandardCharsets.UTF_8),
                TopicJson.write(entry.answer.result()),
                routing.copiedHeaders(entry.request.record()));
    }

    private static boolean isTooLarge(ProducerRecord<byte[], byte[]> record) {
        long bytes = record.key().length + record.value().length + RECORD_OVERHEAD_BYTES;
        for (Header header : record.headers()) {
            bytes += header.key().length() + header.value().length;
        }
        return bytes > KafkaConnection.MAX_REQUEST_BYTES;
    }

    private static Producer<byte[], byte[]> newProducer(KafkaConnection kafka, String transactionalId) {
        Map<String, Object> config = new HashMap<>(Map.of(
                // bounds how long a dead worker delays readers, if no other worker ends its transaction
                ProducerConfig.TRANSACTION_TIMEOUT_CONFIG,
                TRANSACTION_TIMEOUT_MS,
                ProducerConfig.MAX_BLOCK_MS_CONFIG,
                5_000,
                ProducerConfig.LINGER_MS_CONFIG,
                0,
                // the first request of a transaction is refused while the markers of the one before are written
                ProducerConfig.RETRY_BACKOFF_MS_CONFIG,
                RETRY_BACKOFF_MS,
                ProducerConfig.CLIENT_ID_CONFIG,
                "tidemark-results"));
        if (!kafka.properties().containsKey(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG)) {
            String request = String.valueOf(
                    kafka.properties().getOrDefault(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, REQUEST_TIMEOUT_MS));
            config.put(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, request);
            // not below the timeout of a request
            config.put(
                    ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG,
                    Math.max(DELIVERY_TIMEOUT_MS, Integer.parseInt(request)));
        }
        return kafka.newTransactionalProducer(transactionalId, config);
    }

    /** Whether the cluster answers that a topic does not exist. */
    private static boolean isMissing(Admin admin, String topic) {
        try {
            admin.describeTopics(List.of(topic)).allTopicNames().get(CALL_SECONDS, TimeUnit.SECONDS);
            return false;
        } catch (ExecutionException e) {
            return e.getCause() instanceof UnknownTopicOrPartitionException;
        } catch (java.util.concurrent.TimeoutException e) {
            return false;
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        }
    }

    /** Aborts an open transaction. May be called while another thread writes, which then throws. */
    @Override
    public void close() {
        closed = true;
        producer.close(Duration.ofSeconds(5));
    }
}
