package io.tidemark.stream.delivery.commit;

import io.tidemark.message.ErrorBody;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.ConcurrentTransactionsException;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.InvalidPidMappingException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.InvalidTxnStateException;
import org.apache.kafka.common.errors.NotEnoughReplicasAfterAppendException;
import org.apache.kafka.common.errors.NotEnoughReplicasException;
import org.apache.kafka.common.errors.OutOfOrderSequenceException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.errors.TransactionAbortableException;
import org.apache.kafka.common.errors.TransactionAbortedException;
import org.apache.kafka.common.errors.TransactionCoordinatorFencedException;
import org.apache.kafka.common.errors.UnknownProducerIdException;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.jboss.logging.Logger;

/**
 * Finds out which record has made a transaction fail, and changes its answer, or sets its reply topic aside, so that
 * the next transaction can be written. Used by the thread that runs transactions.
 */
final class TransactionRepair {

    static final ErrorBody TOO_LARGE =
            ErrorBody.serverError("result_too_large", "the result is larger than its topic permits");

    private static final Logger LOG = Logger.getLogger(TransactionRepair.class);

    /** How long no dead letter is written after their topic has failed. */
    private static final long WITHOUT_LETTERS_NANOS = Duration.ofSeconds(60).toNanos();

    /** The failures of records that say nothing about their topic: the producer or its transaction can't go on. */
    private static final Set<Class<? extends ApiException>> OF_PRODUCER = Set.of(
            ProducerFencedException.class,
            InvalidProducerEpochException.class,
            InvalidPidMappingException.class,
            InvalidTxnStateException.class,
            OutOfOrderSequenceException.class,
            UnknownProducerIdException.class,
            TransactionAbortedException.class,
            TransactionAbortableException.class,
            ConcurrentTransactionsException.class,
            TransactionCoordinatorFencedException.class,
            FencedInstanceIdException.class,
            UnsupportedVersionException.class);

    private final TopicLayout topics;
    private final UnwritableTopics unwritable;
    private final TopicFaults faults;
    private final Time time;
    /** Reply topics whose records the last transactions with them have waited for, and how many these were. */
    private final Map<String, Integer> doubts = new HashMap<>();

    /** When the dead-letter topic could not be written. */
    private OptionalLong lettersFailedNanos = OptionalLong.empty();

    /** What the cluster says about a topic. */
    interface TopicFaults {

        /** Whether the cluster says that a topic does not exist. */
        boolean isMissing(String topic);

        /**
         * Why records for these partitions of a topic can't be written, if the cluster says so.
         *
         * @param partitions the known partitions of the records
         */
        Optional<String> fault(String topic, Collection<Integer> partitions);
    }

    TransactionRepair(TopicLayout topics, UnwritableTopics unwritable, TopicFaults faults, Time time) {
        this.topics = topics;
        this.unwritable = unwritable;
        this.faults = faults;
        this.time = time;
    }

    /** Whether dead letters are written: not for a minute after their topic has failed. */
    boolean permitsLetters() {
        return lettersFailedNanos.isEmpty() || time.nanosSince(lettersFailedNanos.getAsLong()) >= WITHOUT_LETTERS_NANOS;
    }

    /** A transaction was committed. */
    void committed(SentRecords sent) {
        sent.topics().forEach(doubts::remove);
    }

    /**
     * A transaction has failed. Finds the answer whose record failed first, and changes it, or sets its topic aside, so
     * that the next transaction can be written. Later failures are not a cause: the producer gives the same exception
     * to records that it has not sent yet.
     *
     * @param slow whether the transaction may have failed by its duration
     * @return whether the next transaction is without what has failed
     */
    boolean repairAfterFailure(SentRecords sent, boolean slow) {
        Optional<SentRecords.SendFailure> first = sent.first();
        if (first.isEmpty()) {
            return slow && setUnacknowledgedAside(sent);
        }
        PendingAnswer answer = first.get().answer();
        Exception reason = first.get().reason();
        boolean tooLarge = reason instanceof RecordTooLargeException;
        if (first.get().isLetter()) {
            return leaveOut(answer, tooLarge, reason);
        }
        boolean toResults = answer.topic().equals(topics.results());
        if (tooLarge && !answer.answer().error().equals(Optional.of(TOO_LARGE))) {
            answer.replaceBy(TOO_LARGE);
            return true;
        }
        if (tooLarge && toResults) {
            answer.markUnwritable();
            return true;
        }
        if (isDelay(reason) || slow && isOfProducer(reason)) {
            return setUnacknowledgedAside(sent);
        }
        if (toResults || isOfProducer(reason)) {
            return false;
        }
        unwritable.add(answer.topic(), sent.unacknowledged(answer.topic()), reason.getMessage());
        return true;
    }

    private boolean leaveOut(PendingAnswer answer, boolean tooLarge, Exception reason) {
        boolean topicFails = reason instanceof TopicAuthorizationException
                || reason instanceof InvalidTopicException
                || isDelay(reason) && faults.isMissing(topics.deadLetters());
        if (!tooLarge && !topicFails) {
            return false;
        }
        if (topicFails) {
            lettersFailedNanos = OptionalLong.of(time.nanoTime());
        }
        LOG.warnf(
                "the dead letter of the request at %s can't be written and is left out: %s",
                answer.delivery(), reason.getMessage());
        answer.leaveOutLetter();
        return true;
    }

    /**
     * Sets the reply topics aside whose records no broker has acknowledged in time, if the cluster names a fault of the
     * topic. Without such a fault, it does so in the second such transaction, if brokers have acknowledged the records
     * of the results topic.
     *
     * @return whether there was one
     */
    private boolean setUnacknowledgedAside(SentRecords sent) {
        boolean found = false;
        boolean othersAreWritten = sent.isAnyAcknowledged() && !sent.isUnacknowledged(topics.results());
        for (String topic : sent.topics()) {
            Set<Integer> partitions = sent.unacknowledged(topic);
            if (topic.equals(topics.results()) || topic.equals(topics.deadLetters()) || !sent.isUnacknowledged(topic)) {
                continue;
            }
            Optional<String> fault = faults.fault(topic, partitions);
            if (fault.isEmpty() && othersAreWritten) {
                int transactions = doubts.merge(topic, 1, Integer::sum);
                if (transactions > 1) {
                    fault = Optional.of("no broker has acknowledged its records in two transactions");
                }
            }
            if (fault.isPresent()) {
                doubts.remove(topic);
                unwritable.add(topic, partitions, fault.get());
                found = true;
            }
        }
        return found;
    }

    /** Whether a record has failed because no broker has taken it in time, for whatever reason. */
    private static boolean isDelay(Exception reason) {
        return reason instanceof RetriableException
                && !(reason instanceof NotEnoughReplicasException)
                && !(reason instanceof NotEnoughReplicasAfterAppendException);
    }

    /** Whether the failure of a record says that the producer can't go on, or nothing about the record's topic. */
    private static boolean isOfProducer(Exception reason) {
        return !(reason instanceof ApiException)
                || reason instanceof AuthenticationException
                || reason instanceof AuthorizationException && !(reason instanceof TopicAuthorizationException)
                || OF_PRODUCER.stream().anyMatch(type -> type.isInstance(reason));
    }
}
