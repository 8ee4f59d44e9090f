package io.tidemark.stream.calibrator;

import io.tidemark.calibration.rule.CalibrationState;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.CountedBatchHeaders;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.TopicJson;
import io.tidemark.stream.calibrator.DecisionRecords.DecidedBatch;
import io.tidemark.stream.topics.DeadLetter;
import io.tidemark.stream.topics.KafkaClients;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.topics.TransactionalId;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.Headers;
import org.jboss.logging.Logger;

/**
 * The transactions of a calibrator: attempts, claims, outcomes with the offset behind the batch, pins and second
 * decisions. Also makes their records. After a crash, a transaction is committed as a whole or not at all. A calibrator
 * that has lost the batch's partition cannot commit, because the group coordinator fences the old generation of the
 * consumer group.
 *
 * <p>All methods that commit throw {@link KafkaException} if nothing was committed, or if the outcome of the commit is
 * unknown. The producer is unusable afterwards; close it.
 */
final class OutcomeTransactions implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(OutcomeTransactions.class);

    private final TopicLayout topics;
    private final DecisionRecords decisions;
    private final Consumer<byte[], byte[]> consumer;
    private final Producer<byte[], byte[]> producer;

    OutcomeTransactions(
            KafkaClients kafka,
            TransactionalId process,
            TopicLayout topics,
            DecisionRecords decisions,
            Consumer<byte[], byte[]> consumer) {
        this.topics = topics;
        this.decisions = decisions;
        this.consumer = consumer;
        this.producer = kafka.newTransactionalProducer(
                process.id(),
                Map.of(
                        // bounds how long the open transaction of a crashed calibrator delays readers of committed
                        // records
                        ProducerConfig.TRANSACTION_TIMEOUT_CONFIG,
                        10_000,
                        ProducerConfig.CLIENT_ID_CONFIG,
                        "tidemark-calibrator"));
        try {
            producer.initTransactions();
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /**
     * The records of a state with the decisions that follow from it: the state, the boundary if it is published, and
     * the decisions. Sends nothing.
     */
    List<ProducerRecord<byte[], byte[]>> toRecords(CalibrationState state, DecidedBatch decided) {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        records.add(toRecord(state));
        decisions.boundary(decided).map(this::toRecord).ifPresent(records::add);
        decisions.decisions(decided).stream().map(this::toRecord).forEach(records::add);
        return records;
    }

    /** The records of {@link #toRecords(CalibrationState, DecidedBatch)} for a state that counts one more batch. */
    List<ProducerRecord<byte[], byte[]>> toRecords(
            CalibrationState state, DecidedBatch decided, CountedBatchHeaders counted) {
        List<ProducerRecord<byte[], byte[]>> records = toRecords(state, decided);
        Headers headers = records.get(0).headers();
        counted.asMap().forEach((name, value) -> headers.add(name, utf8(value)));
        return records;
    }

    /** The tombstones of states, by their keys. */
    List<ProducerRecord<byte[], byte[]>> tombstones(List<String> keys) {
        return keys.stream()
                .map(key -> new ProducerRecord<byte[], byte[]>(topics.calibrationState(), utf8(key), null))
                .toList();
    }

    /** Publishes the records of a batch that is counted. */
    void publish(ConsumerRecord<byte[], byte[]> batch, FinishedBatch.Scored scored) {
        publish(positionBehind(batch), scored.records(), scored.decided());
    }

    /**
     * Publishes the records of decisions without a batch.
     *
     * @param position the committed offset of an owned partition, see {@link #publishBoundary}
     * @param records  what {@link #toRecords} has made of {@code decided}
     */
    void publish(
            Map<TopicPartition, OffsetAndMetadata> position,
            List<ProducerRecord<byte[], byte[]>> records,
            DecidedBatch decided) {
        commit(position, records);
        decisions.committed(decided);
    }

    /**
     * Publishes the dead letter of a batch. If its topic refuses the letter as too large, the letter has less of the
     * batch, and in the end there is none: a batch that can't be used must not stop the batches behind it.
     */
    void reject(ConsumerRecord<byte[], byte[]> batch, ErrorBody error) {
        List<ProducerRecord<byte[], byte[]>> letters = new ArrayList<>();
        letters.add(DeadLetter.of(batch, error, topics.validationDeadLetters()));
        letters.addAll(DeadLetter.smaller(batch, error, topics.validationDeadLetters()));
        for (ProducerRecord<byte[], byte[]> letter : letters) {
            try {
                commit(positionBehind(batch), List.of(letter));
                return;
            } catch (KafkaException e) {
                if (!isTooLarge(e)) {
                    throw e;
                }
                producer.abortTransaction();
            }
        }
        LOG.errorf(
                "the batch at %s-%d@%d has no dead letter: topic '%s' refuses all as too large; raise its"
                        + " max.message.bytes",
                batch.topic(), batch.partition(), batch.offset(), topics.validationDeadLetters());
        commit(positionBehind(batch), List.of());
    }

    /** Whether a commit has failed because a record is too large for its topic. */
    static boolean isTooLarge(Exception failure) {
        return failure instanceof RecordTooLargeException || failure.getCause() instanceof RecordTooLargeException;
    }

    /** Publishes a state that claims the batch, and keeps the offset of the batch. */
    void claim(ConsumerRecord<byte[], byte[]> batch, BatchAttempts attempts, CalibrationState state) {
        commit(positionOf(batch, attempts), List.of(toRecord(state)));
    }

    private ProducerRecord<byte[], byte[]> toRecord(CalibrationState state) {
        return new ProducerRecord<>(topics.calibrationState(), utf8(state.key()), TopicJson.write(state.toRecord()));
    }

    /** Commits the offset of a batch that is not done, with its attempts. */
    void keep(ConsumerRecord<byte[], byte[]> batch, BatchAttempts attempts) {
        commit(positionOf(batch, attempts), List.of());
    }

    /**
     * Publishes the value of a boundary record without a batch.
     *
     * @param position the committed offset of a partition that the calibrator owns. It is committed again, unchanged,
     *                 so that a calibrator that has lost the partition can't publish.
     */
    void publishBoundary(String adapter, byte[] value, Map<TopicPartition, OffsetAndMetadata> position) {
        commit(position, List.of(new ProducerRecord<>(topics.boundaries(), utf8(adapter), value)));
    }

    private void commit(Map<TopicPartition, OffsetAndMetadata> position, List<ProducerRecord<byte[], byte[]>> records) {
        ConsumerGroupMetadata member = consumer.groupMetadata();
        if (member.generationId() < 0 || member.memberId().isEmpty()) {
            // a coordinator does not check the owner of a commit without a generation
            throw new CommitFailedException("the calibrator is no member of its group");
        }
        producer.beginTransaction();
        records.forEach(producer::send);
        producer.sendOffsetsToTransaction(position, member);
        producer.commitTransaction();
    }

    private static Map<TopicPartition, OffsetAndMetadata> positionBehind(ConsumerRecord<byte[], byte[]> batch) {
        return Map.of(new TopicPartition(batch.topic(), batch.partition()), new OffsetAndMetadata(batch.offset() + 1));
    }

    /** The position at which the batch is read again. */
    static Map<TopicPartition, OffsetAndMetadata> positionOf(
            ConsumerRecord<byte[], byte[]> batch, BatchAttempts attempts) {
        return Map.of(
                new TopicPartition(batch.topic(), batch.partition()),
                new OffsetAndMetadata(batch.offset(), attempts.metadata()));
    }

    private ProducerRecord<byte[], byte[]> toRecord(BoundaryRecord boundary) {
        return new ProducerRecord<>(topics.boundaries(), utf8(boundary.adapter()), TopicJson.write(boundary));
    }

    private ProducerRecord<byte[], byte[]> toRecord(BoundaryDecisionRecord decision) {
        return new ProducerRecord<>(topics.boundaryDecisions(), utf8(decision.adapter()), TopicJson.write(decision));
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Aborts an open transaction. */
    @Override
    public void close() {
        producer.close(Duration.ofSeconds(5));
    }
}
