package io.tidemark.stream.delivery.commit;

import io.tidemark.message.ErrorBody;
import io.tidemark.stream.delivery.commit.TransactionRepair.TopicFaults;
import io.tidemark.stream.topics.KafkaClients;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.time.Time;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordBatchTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.Header;
import org.jboss.logging.Logger;

/**
 * Writes answers and the offsets of their requests, each batch of them in one transaction of one transactional
 * producer. {@link #write} begins and ends it. After a failure, {@link TransactionRepair} changes what has caused it,
 * so that the next transaction can be written. If the brokers can't end a transaction, the next one has a new
 * transactional id.
 *
 * <p>Used by one thread at a time. {@link AnswerCommits} calls {@link #write} on the thread
 * {@code tidemark-transactions}.
 */
public final class AnswerTransactions implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(AnswerTransactions.class);
    private static final ErrorBody NO_REPLY_TOPIC =
            ErrorBody.serverError("reply_topic_failed", "the result could not be written to the reply topic");
    private static final ErrorBody NOT_ENCODED =
            ErrorBody.serverError("internal_error", "the result could not be encoded");
    private static final Duration RETRY = Duration.ofMillis(200);
    private static final Duration LONGEST_RENEWAL = Duration.ofSeconds(30);
    private static final Duration CLOSE = Duration.ofSeconds(5);

    /** A transaction that fails later has failed by its duration. Calls of the producer time out after 5 s. */
    private static final long SLOW_NANOS = Duration.ofSeconds(4).toNanos();

    /** How many bytes a batch adds to a record at most. */
    private static final int RECORD_OVERHEAD_BYTES = 1024;

    private final ResultProducers producers;
    private final TopicLayout topics;
    private final UnwritableTopics unwritable;
    private final BooleanSupplier givesUp;
    private final Time time;
    private final TransactionSize size = new TransactionSize();
    private final TransactionRepair repair;

    private volatile Producer<byte[], byte[]> producer;
    private volatile boolean closed;
    /** Why the last transaction was not committed, if it was not. Other threads read it. */
    private volatile Optional<String> failure = Optional.empty();

    /** How many new transactional ids were unusable since the last commit. */
    private int renewals;

    /** How a transaction ended. */
    enum CommitOutcome {
        COMMITTED,
        /** Nothing was written. The caller polls and tries again. */
        ABORTED,
        /** The caller compares with the committed offsets. */
        UNKNOWN
    }

    /**
     * @param faults  asked after a transaction has failed
     * @param givesUp true ends the wait for a broker that does not respond
     */
    AnswerTransactions(
            ResultProducers producers,
            TopicLayout topics,
            UnwritableTopics unwritable,
            TopicFaults faults,
            BooleanSupplier givesUp,
            Time time) {
        this.producers = producers;
        this.topics = topics;
        this.unwritable = unwritable;
        this.givesUp = givesUp;
        this.time = time;
        this.repair = new TransactionRepair(topics, unwritable, faults, time);
        this.producer = open();
    }

    /** Transactions of a session on a cluster. */
    public static AnswerTransactions of(
            KafkaClients kafka,
            ResultProducers producers,
            TopicLayout topics,
            UnwritableTopics unwritable,
            BooleanSupplier givesUp,
            Time time) {
        return new AnswerTransactions(producers, topics, unwritable, new ClusterDiagnosis(kafka, time), givesUp, time);
    }

    /** The transactional id of the next transaction. */
    String transactionalId() {
        return producers.id();
    }

    /** Upper bound for the bytes of the next transaction; a single answer may have more. */
    long maxBytes() {
        return size.limit();
    }

    /**
     * Writes answers and offsets.
     *
     * @param offsets the offsets of all partitions of the answers, and of others whose metadata has changed
     * @throws RuntimeException if the producer can't be replaced, or after a failure if {@code givesUp} is true; the
     *     transaction is then open or of unknown outcome
     */
    CommitOutcome write(
            List<PendingAnswer> answers, Map<TopicPartition, OffsetAndMetadata> offsets, ConsumerGroupMetadata group) {
        unwritable.turn();
        SentRecords sent = new SentRecords();
        long begin = time.nanoTime();
        boolean committing = false;
        try {
            producer.beginTransaction();
            for (PendingAnswer answer : answers) {
                send(answer, sent);
                // a further send could wait for metadata or memory although the transaction has failed
                throwFirst(sent);
            }
            producer.sendOffsetsToTransaction(offsets, group);
            committing = true;
            if (!commit()) {
                failure = Optional.of("a partition does not take the end of a transaction");
                renew(repair.repairAfterFailure(sent, true));
                replace();
                return CommitOutcome.UNKNOWN;
            }
            failure = Optional.empty();
            renewals = 0;
            repair.committed(sent);
            size.committed(bytes(answers));
            return CommitOutcome.COMMITTED;
        } catch (RuntimeException e) {
            failure = Optional.of(String.valueOf(e.getMessage()));
            if (closed || givesUp.getAsBoolean()) {
                throw e;
            }
            LOG.warnf("a transaction with %d results failed and is repeated: %s", answers.size(), e.getMessage());
            boolean slow = time.nanosSince(begin) > SLOW_NANOS;
            if (slow || e.getCause() instanceof RecordBatchTooLargeException) {
                size.failed(bytes(answers));
            }
            // if the transaction before has not ended, an abort waits in vain
            boolean stuck = sent.first().isEmpty() && e instanceof TimeoutException && producers.isStuck();
            boolean aborted = !stuck && abort();
            boolean changed = repair.repairAfterFailure(sent, slow);
            stuck |= aborted && sent.first().isPresent() && producers.isStuck();
            if (stuck) {
                renew(changed);
            }
            if (stuck || !aborted) {
                replace();
                return CommitOutcome.UNKNOWN;
            }
            return committing ? CommitOutcome.UNKNOWN : CommitOutcome.ABORTED;
        }
    }

    private static long bytes(List<PendingAnswer> answers) {
        return answers.stream().mapToLong(PendingAnswer::writtenBytes).sum();
    }

    /**
     * Takes a new transactional id, because the brokers can't end the transaction of this one. Waits longer each time,
     * unless the cause was found: an unusable id costs the brokers memory.
     *
     * @param fixed whether the next transaction is without the cause
     */
    private void renew(boolean fixed) {
        producers.renew();
        if (fixed) {
            return;
        }
        long wait = Math.min(LONGEST_RENEWAL.toNanos(), RETRY.toNanos() << Math.min(renewals++, Short.SIZE));
        long begin = time.nanoTime();
        while (time.nanosSince(begin) < wait && !closed && !givesUp.getAsBoolean()) {
            time.sleep(RETRY);
        }
    }

    /** Why the last transaction was not committed. */
    Optional<String> failure() {
        return failure;
    }

    /**
     * Repeats a commit of unknown outcome, which has no effect if the transaction is committed already. The coordinator
     * refuses the repetition while the markers of a decided transaction are not written, for as long as a partition
     * does not take its marker. A transaction that is not decided must be repeated: nothing fences the id later, so it
     * could be committed after the next one.
     *
     * @return false if the end is decided and a partition does not take the marker
     */
    private boolean commit() {
        while (true) {
            try {
                producer.commitTransaction();
                return true;
            } catch (TimeoutException e) {
                if (givesUp.getAsBoolean()) {
                    throw e;
                }
                if (producers.isStuck()) {
                    return false;
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
            Producer<byte[], byte[]> opened = producers.open();
            producer = opened; // for cutOff()
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
                if (producers.isStuck()) {
                    renew(false);
                } else {
                    time.sleep(RETRY);
                }
            } catch (RuntimeException e) {
                opened.close(Duration.ZERO);
                throw e;
            }
        }
    }

    private void send(PendingAnswer answer, SentRecords sent) {
        if (unwritable.contains(answer.topic())) {
            answer.divert(topics.results(), NO_REPLY_TOPIC);
        }
        ProducerRecord<byte[], byte[]> result;
        try {
            result = answer.result();
        } catch (UncheckedIOException e) {
            answer.delivery()
                    .request()
                    .logFields()
                    .during(() -> LOG.errorf(e, "the result of the request at %s can't be encoded", answer.delivery()));
            answer.replaceBy(NOT_ENCODED);
            result = answer.result();
        }
        if (isTooLarge(result)) {
            answer.replaceBy(TransactionRepair.TOO_LARGE);
            result = answer.result();
        }
        producer.send(result, sent.callback(answer, false, result));
        if (repair.permitsLetters()) {
            answer.letter(topics.deadLetters())
                    .ifPresent(letter -> producer.send(letter, sent.callback(answer, true, letter)));
        }
    }

    private static void throwFirst(SentRecords sent) {
        Optional<SentRecords.SendFailure> first = sent.first();
        if (first.isPresent()) {
            Exception reason = first.get().reason();
            throw new KafkaException("a record could not be sent: " + reason.getMessage(), reason);
        }
    }

    private static boolean isTooLarge(ProducerRecord<byte[], byte[]> record) {
        long bytes = record.key().length + record.value().length + RECORD_OVERHEAD_BYTES;
        for (Header header : record.headers()) {
            bytes += header.key().length() + header.value().length;
        }
        return bytes > KafkaConnection.MAX_REQUEST_BYTES;
    }

    /** Closes the producer without a call to the brokers. Another thread that writes then throws. */
    void cutOff() {
        closed = true;
        producer.close(Duration.ZERO);
    }

    /** Aborts an open transaction. May be called while another thread writes, which then throws. */
    @Override
    public void close() {
        closed = true;
        producer.close(CLOSE);
    }
}
