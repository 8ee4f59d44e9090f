package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.message.CompletionResult;
import io.tidemark.message.Provenance;
import io.tidemark.message.ResultMessage;
import io.tidemark.request.Answer;
import io.tidemark.request.RequestListener;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.delivery.AnswerTransactions.Outcome;
import io.tidemark.stream.topics.ReplyTopics;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.time.VirtualTime;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ClusterAuthorizationException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.NotEnoughReplicasException;
import org.apache.kafka.common.errors.PolicyViolationException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.errors.TransactionAbortedException;
import org.apache.kafka.common.errors.TransactionalIdAuthorizationException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Transactions of answers")
class AnswerTransactionsTest {

    private static final TopicPartition PARTITION = new TopicPartition("generation-requests", 0);
    private static final ConsumerGroupMetadata GROUP =
            new ConsumerGroupMetadata("group", 1, "member", Optional.empty());
    private static final TopicLayout TOPICS =
            TopicLayout.of(TestSettings.with(Map.of()).topics());

    private static final String REPLIES = "replies";
    private static final ReplyRouting ROUTING = new ReplyRouting(
            List.of(),
            new ReplyTopics(TOPICS.results(), Map.of(TOPICS.results(), 1, REPLIES, 1)),
            new EventWriter(event -> {}));

    /** A producer whose faults the test plants. */
    private static final class FaultyProducer extends MockProducer<byte[], byte[]> {

        /** Thrown by the commit after its effect. */
        private final List<RuntimeException> afterCommit = new ArrayList<>();
        /** Given to the callback of a send. */
        private Optional<RuntimeException> sendFailure = Optional.empty();
        /** Given to the callbacks of later sends of the transaction, as by Kafka's producer. */
        private Optional<RuntimeException> state = Optional.empty();

        private Runnable onSend = () -> {};
        private String failingTopic = TOPICS.results();
        private boolean effective;
        private int sends;
        /** Whether callbacks are called by the commit. */
        private boolean delayed;

        private final List<Callback> callbacks = new ArrayList<>();

        FaultyProducer() {
            super(true, null, new ByteArraySerializer(), new ByteArraySerializer());
        }

        @Override
        public synchronized Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> record, Callback callback) {
            sends++;
            onSend.run();
            if (sendFailure.isPresent() && record.topic().equals(failingTopic)) {
                state = sendFailure;
                sendFailure = Optional.empty();
                commitTransactionException = new KafkaException("a send has failed", state.get());
            }
            state.ifPresent(reason -> {
                if (delayed) {
                    callbacks.add(callback);
                } else {
                    callback.onCompletion(null, reason);
                }
            });
            // Kafka's producer calls a callback once
            return super.send(record, state.isPresent() ? (metadata, reason) -> {} : callback);
        }

        @Override
        public void commitTransaction() {
            callbacks.forEach(callback -> callback.onCompletion(null, state.orElseThrow()));
            callbacks.clear();
            if (!effective) {
                super.commitTransaction();
                effective = true;
            }
            if (!afterCommit.isEmpty()) {
                throw afterCommit.remove(0);
            }
            effective = false;
        }

        @Override
        public void abortTransaction() {
            if (effective) {
                throw new IllegalStateException("the transaction is committed");
            }
            commitTransactionException = null;
            state = Optional.empty();
            super.abortTransaction();
        }
    }

    private final List<FaultyProducer> producers = new ArrayList<>();
    private final AtomicBoolean givesUp = new AtomicBoolean();
    private final VirtualTime time = new VirtualTime();
    private String missingTopic = "";
    private Optional<String> probeFailure = Optional.of("refused");
    private final List<String> probes = new ArrayList<>();
    /** Transactional ids whose transactions can't be ended. */
    private final Set<String> stuck = new HashSet<>();

    private final List<String> setAside = new ArrayList<>();
    private final DeliveryStatus status = new DeliveryStatus(time);
    private final TransactionRepair.TopicFaults faults = new TransactionRepair.TopicFaults() {
        @Override
        public boolean isMissing(String topic) {
            return topic.equals(missingTopic);
        }

        @Override
        public Optional<String> fault(String topic, Collection<Integer> partitions) {
            return isMissing(topic) ? Optional.of("missing") : Optional.empty();
        }
    };
    private final RequestListener listener = new RequestListener() {
        @Override
        public void onTopicSetAside(String topic) {
            setAside.add(topic);
        }
    };
    private final ResultProducers ids = new ResultProducers(
            id -> {
                producers.add(new FaultyProducer());
                return latest();
            },
            "worker",
            stuck::contains);
    private final AnswerTransactions transactions = new AnswerTransactions(
            ids,
            TOPICS,
            new UnwritableTopics(this::probe, Runnable::run, status, listener, time),
            faults,
            givesUp::get,
            time);
    private final PartitionProgress progress = Deliveries.progress(PARTITION);

    private Optional<String> probe(String topic, Collection<Integer> partitions) {
        probes.add(topic);
        return probeFailure;
    }

    static List<RuntimeException> failuresOfSend() {
        return List.of(
                new ClusterAuthorizationException("denied"),
                new TopicAuthorizationException("denied"),
                new ProducerFencedException("fenced"),
                new KafkaException("the producer is in an error state"),
                new TimeoutException("no memory"),
                new IllegalStateException("the producer is closed"));
    }

    @ParameterizedTest
    @MethodSource("failuresOfSend")
    @DisplayName("Commit no offset when a send throws at once, and write the result later")
    void throwingSend(RuntimeException failure) {
        List<PendingAnswer> answers = List.of(answer(0), answer(1));
        latest().sendException = failure;
        assertThat(write(answers)).isNotEqualTo(Outcome.COMMITTED);
        assertThat(committedOffsets()).isEmpty();
        assertThat(transactions.failure()).isPresent();
        producers.forEach(producer -> producer.sendException = null);
        assertThat(write(answers)).isEqualTo(Outcome.COMMITTED);
        assertThat(committedOffsets()).containsExactly(2L);
        assertThat(results()).hasSize(2);
    }

    @ParameterizedTest
    @MethodSource("failuresOfSend")
    @DisplayName("Commit no offset when a send fails later, and write the same result again")
    void failingSend(RuntimeException failure) {
        List<PendingAnswer> answers = List.of(answer(0));
        latest().sendFailure = Optional.of(failure);
        assertThat(write(answers)).isNotEqualTo(Outcome.COMMITTED);
        assertThat(committedOffsets()).isEmpty();
        assertThat(write(answers)).isEqualTo(Outcome.COMMITTED);
        assertThat(results()).hasSize(1);
        assertThat(answers.get(0).answer().error()).isEmpty();
    }

    @Test
    @DisplayName(
            "Replace only the result that is too large, although the producer gives its failure to later ones, too")
    void tooLarge() {
        List<PendingAnswer> answers = List.of(answer(0), answer(1));
        latest().delayed = true;
        latest().sendFailure = Optional.of(new RecordTooLargeException("too large"));
        assertThat(write(answers)).isNotEqualTo(Outcome.COMMITTED);
        assertThat(write(answers)).isEqualTo(Outcome.COMMITTED);
        assertThat(answers.get(0).answer().error()).isPresent();
        assertThat(answers.get(1).answer().error()).isEmpty();
        assertThat(results()).hasSize(2);
    }

    @Test
    @DisplayName("Repeat a commit that times out, whether it had an effect or not, and write nothing twice")
    void commitTimesOut() {
        latest().afterCommit.addAll(List.of(new TimeoutException("lost"), new TimeoutException("lost")));
        assertThat(write(List.of(answer(0)))).isEqualTo(Outcome.COMMITTED);
        assertThat(producers).hasSize(1);
        assertThat(results()).hasSize(1);
    }

    @Test
    @DisplayName("Replace the producer when a commit of unknown outcome fails; the progress drops what is committed")
    void commitFails() {
        latest().afterCommit.add(new ProducerFencedException("fenced after the commit"));
        progress.open(0);
        progress.open(1);
        assertThat(write(List.of(answer(0)))).isEqualTo(Outcome.UNKNOWN);
        assertThat(producers).hasSize(2);
        assertThat(producers.get(0).closed()).isTrue();
        OffsetAndMetadata committed = offsets().get(0);
        assertThat(progress.reconcile(
                        committed.offset(),
                        CommitMetadata.of("requests-0", committed).finished()))
                .containsExactly(0L);
        assertThat(results()).hasSize(1);
    }

    @Test
    @DisplayName("Throw a failure instead of trying again when the wait is over")
    void givesUp() {
        givesUp.set(true);
        latest().afterCommit.add(new TimeoutException("no broker"));
        assertThatThrownBy(() -> write(List.of(answer(0)))).isInstanceOf(TimeoutException.class);
        assertThat(producers).hasSize(1);
    }

    @Test
    @DisplayName("Leave out a dead letter whose topic may not be written to")
    void unauthorizedLetter() {
        List<PendingAnswer> answers = List.of(error(0), answer(1));
        latest().failingTopic = TOPICS.deadLetters();
        latest().sendFailure = Optional.of(new TopicAuthorizationException("denied"));
        assertThat(write(answers)).isNotEqualTo(Outcome.COMMITTED);
        assertThat(write(answers)).isEqualTo(Outcome.COMMITTED);
        assertThat(results()).hasSize(2);
        assertThat(latest().history()).hasSize(2);
    }

    @Test
    @DisplayName("Leave out a dead letter whose topic is missing, but not one that no broker takes at the moment")
    void missingLetterTopic() {
        List<PendingAnswer> answers = List.of(error(0));
        latest().failingTopic = TOPICS.deadLetters();
        latest().sendFailure = Optional.of(new TimeoutException("no answer"));
        assertThat(write(answers)).isNotEqualTo(Outcome.COMMITTED);
        missingTopic = TOPICS.deadLetters();
        latest().sendFailure = Optional.of(new TimeoutException("no metadata"));
        assertThat(write(answers)).isNotEqualTo(Outcome.COMMITTED);
        assertThat(write(answers)).isEqualTo(Outcome.COMMITTED);
        assertThat(latest().history()).hasSize(1);
    }

    static List<RuntimeException> refusals() {
        return List.of(
                new TopicAuthorizationException("denied"),
                new InvalidTimestampException("out of range"),
                new NotEnoughReplicasException("too few replicas"),
                new InvalidRecordException("no key"),
                new PolicyViolationException("refused"));
    }

    @ParameterizedTest
    @MethodSource("refusals")
    @DisplayName("Set a reply topic aside at once when it refuses a record, until a probe succeeds")
    void unwritableReplyTopic(RuntimeException refusal) {
        List<PendingAnswer> failing = List.of(replying(0));
        latest().failingTopic = REPLIES;
        latest().sendFailure = Optional.of(refusal);
        assertThat(write(failing)).isNotEqualTo(Outcome.COMMITTED);
        assertThat(status.topicsSetAside()).containsExactly(REPLIES);
        assertThat(setAside).containsExactly(REPLIES);
        assertThat(write(failing)).isEqualTo(Outcome.COMMITTED);
        assertThat(failing.get(0).answer().error().orElseThrow().code()).isEqualTo("reply_topic_failed");
        time.sleep(Duration.ofSeconds(59));
        assertThat(write(List.of(replying(1)))).isEqualTo(Outcome.COMMITTED);
        assertThat(probes).isEmpty();
        time.sleep(Duration.ofSeconds(1));
        assertThat(write(List.of(replying(2)))).isEqualTo(Outcome.COMMITTED);
        assertThat(probes).as("the first one, which fails").hasSize(1);
        probeFailure = Optional.empty();
        time.sleep(Duration.ofSeconds(119));
        assertThat(write(List.of(replying(3)))).isEqualTo(Outcome.COMMITTED);
        assertThat(probes).hasSize(1);
        time.sleep(Duration.ofSeconds(1));
        assertThat(write(List.of(replying(4)))).isEqualTo(Outcome.COMMITTED);
        assertThat(probes).hasSize(2);
        assertThat(write(List.of(replying(5)))).isEqualTo(Outcome.COMMITTED);
        assertThat(status.topicsSetAside()).isEmpty();
        assertThat(latest().history())
                .extracting(ProducerRecord::topic)
                .filteredOn(topic -> !topic.equals(TOPICS.deadLetters()))
                .containsOnlyOnce(REPLIES)
                .hasSize(6);
    }

    static List<RuntimeException> failuresOfProducer() {
        return List.of(
                new ProducerFencedException("fenced"),
                new InvalidProducerEpochException("fenced"),
                new TransactionalIdAuthorizationException("denied"),
                new ClusterAuthorizationException("denied"),
                new SaslAuthenticationException("denied"),
                new TransactionAbortedException("aborted"),
                new KafkaException("the producer is in an error state"),
                new TimeoutException("no answer"));
    }

    @ParameterizedTest
    @MethodSource("failuresOfProducer")
    @DisplayName("Set no reply topic aside when the producer fails, or no broker answers")
    void failingProducer(RuntimeException reason) {
        List<PendingAnswer> answers = List.of(replying(0));
        latest().failingTopic = REPLIES;
        for (int i = 0; i < 3; i++) {
            latest().sendFailure = Optional.of(reason);
            assertThat(write(answers)).isNotEqualTo(Outcome.COMMITTED);
        }
        assertThat(status.topicsSetAside()).isEmpty();
        assertThat(write(answers)).isEqualTo(Outcome.COMMITTED);
        assertThat(latest().history()).extracting(ProducerRecord::topic).contains(REPLIES);
    }

    @Test
    @DisplayName("Set a reply topic aside whose records are not acknowledged in time, if those of others are")
    void notAcknowledged() {
        List<PendingAnswer> answers = List.of(answer(0), replying(1));
        latest().failingTopic = REPLIES;
        for (int i = 0; i < 2; i++) {
            assertThat(status.topicsSetAside()).isEmpty();
            latest().sendFailure = Optional.of(new TimeoutException("expired"));
            assertThat(write(answers)).isNotEqualTo(Outcome.COMMITTED);
        }
        assertThat(status.topicsSetAside()).containsExactly(REPLIES);
        assertThat(write(answers)).isEqualTo(Outcome.COMMITTED);
        assertThat(answers.get(0).answer().error()).isEmpty();
    }

    @Test
    @DisplayName("Set a reply topic aside that refuses even the error in place of a large result")
    void tooLargeReply() {
        List<PendingAnswer> answers = List.of(replying(0), answer(1));
        latest().failingTopic = REPLIES;
        for (int i = 0; i < 2; i++) {
            latest().sendFailure = Optional.of(new RecordTooLargeException("too large"));
            assertThat(write(answers)).isNotEqualTo(Outcome.COMMITTED);
        }
        assertThat(write(answers)).isEqualTo(Outcome.COMMITTED);
        assertThat(answers.get(0).answer().error().orElseThrow().code()).isEqualTo("reply_topic_failed");
    }

    @Test
    @DisplayName("Wait longer for a probe of a topic that fails again soon after a probe has succeeded")
    void flapping() {
        latest().failingTopic = REPLIES;
        probeFailure = Optional.empty();
        for (int seconds : List.of(60, 120, 240)) {
            latest().sendFailure = Optional.of(new InvalidTimestampException("out of range"));
            write(List.of(replying(0)));
            probes.clear();
            time.sleep(Duration.ofSeconds(seconds - 1));
            write(List.of(answer(1)));
            assertThat(probes).isEmpty();
            time.sleep(Duration.ofSeconds(1));
            write(List.of(answer(2)));
            assertThat(probes).hasSize(1);
            write(List.of(answer(3)));
            assertThat(status.topicsSetAside()).isEmpty();
        }
    }

    @Test
    @DisplayName("Go on with a new transactional id when a transaction can't be ended")
    void stuckTransaction() {
        List<PendingAnswer> answers = List.of(replying(0), answer(1));
        latest().failingTopic = REPLIES;
        latest().sendFailure = Optional.of(new InvalidTimestampException("out of range"));
        stuck.add("worker");
        assertThat(write(answers)).isEqualTo(Outcome.UNKNOWN);
        assertThat(transactions.transactionalId()).isEqualTo("worker.1");
        assertThat(producers).hasSize(2);
        assertThat(producers.get(0).closed()).isTrue();
        assertThat(write(answers)).isEqualTo(Outcome.COMMITTED);
        assertThat(results()).hasSize(2);
    }

    @Test
    @DisplayName("Go on with a new transactional id when the end of a committed transaction blocks the next one")
    void stuckCommit() {
        stuck.add("worker");
        latest().sendException = new TimeoutException("concurrent transactions");
        assertThat(write(List.of(answer(0)))).isEqualTo(Outcome.UNKNOWN);
        assertThat(transactions.transactionalId()).isEqualTo("worker.1");
        assertThat(write(List.of(answer(0)))).isEqualTo(Outcome.COMMITTED);
    }

    @Test
    @DisplayName("Keep the transactional id when the broker does not answer for another reason")
    void notStuck() {
        latest().sendException = new TimeoutException("no broker");
        assertThat(write(List.of(answer(0)))).isNotEqualTo(Outcome.COMMITTED);
        assertThat(transactions.transactionalId()).isEqualTo("worker");
    }

    @Test
    @DisplayName("Have at most half the bytes of one that took too long")
    void bytes() {
        List<PendingAnswer> answers = List.of(answer(0), answer(1));
        long bytes = answers.stream().mapToLong(PendingAnswer::writtenBytes).sum();
        assertThat(transactions.maxBytes()).isEqualTo(TransactionSize.MAX_BYTES);
        latest().onSend = () -> time.sleep(Duration.ofSeconds(8));
        latest().sendFailure = Optional.of(new TimeoutException("expired"));
        write(answers);
        assertThat(transactions.maxBytes())
                .isLessThan(TransactionSize.MAX_BYTES)
                .isGreaterThanOrEqualTo(bytes / 2);
    }

    private PendingAnswer replying(long offset) {
        ConsumerRecord<byte[], byte[]> record = new ConsumerRecord<>(PARTITION.topic(), 0, offset, null, new byte[1]);
        record.headers().add("kafka_replyTopic", REPLIES.getBytes(StandardCharsets.UTF_8));
        return replying(record, ROUTING);
    }

    private PendingAnswer replying(ConsumerRecord<byte[], byte[]> record, ReplyRouting routing) {
        Delivery delivery = Deliveries.delivery(progress, record, routing);
        return new PendingAnswer(delivery, Deliveries.error(delivery));
    }

    @Test
    @DisplayName("Count what a dead letter keeps of a large request, and its key and headers")
    void letterBytes() {
        ConsumerRecord<byte[], byte[]> record =
                new ConsumerRecord<>(progress.partition().topic(), 0, 0, new byte[60_000], new byte[1_000_000]);
        record.headers().add("h", new byte[50_000]);
        Delivery delivery = Deliveries.delivery(progress, record, Deliveries.toResults("results"));
        assertThat(new PendingAnswer(delivery, Deliveries.error(delivery)).writtenBytes())
                .isBetween(60_000 + 50_000 + (64L << 10), 60_000 + 50_000 + (64L << 10) + 5_000);
    }

    @Test
    @DisplayName("Send nothing more in a transaction that has failed")
    void stopsAtFailure() {
        latest().sendFailure = Optional.of(new TimeoutException("no metadata"));
        List<PendingAnswer> answers = List.of(answer(0), answer(1), answer(2));
        int before = latest().sends;
        assertThat(write(answers)).isNotEqualTo(Outcome.COMMITTED);
        assertThat(latest().sends - before).isEqualTo(1);
    }

    private FaultyProducer latest() {
        return producers.get(producers.size() - 1);
    }

    private Outcome write(List<PendingAnswer> answers) {
        answers.forEach(answer -> progress.open(answer.delivery().offset()));
        List<Long> ending =
                answers.stream().map(answer -> answer.delivery().offset()).toList();
        return transactions.write(
                answers, Map.of(PARTITION, progress.commit(ending).target()), GROUP);
    }

    private List<OffsetAndMetadata> offsets() {
        return producers.stream()
                .flatMap(producer -> producer.consumerGroupOffsetsHistory().stream())
                .map(groups -> groups.get("group").get(PARTITION))
                .toList();
    }

    private List<Long> committedOffsets() {
        return offsets().stream().map(OffsetAndMetadata::offset).toList();
    }

    /** The committed results. */
    private List<ProducerRecord<byte[], byte[]>> results() {
        return producers.stream()
                .flatMap(producer -> producer.history().stream())
                .filter(record -> record.topic().equals(TOPICS.results()))
                .toList();
    }

    private PendingAnswer answer(long offset) {
        Delivery delivery = Deliveries.delivery(progress, offset);
        ResultMessage result = new CompletionResult(
                "r" + offset,
                CompletionResult.TEXT_COMPLETION,
                0,
                "m",
                List.of(),
                CompletionResult.Usage.of(1, 1, 0),
                Provenance.rejected(delivery.request().source(), "base", "worker", 1));
        return new PendingAnswer(
                delivery, new Answer(delivery.request(), result, Optional.empty(), "stop", Optional.empty(), 0));
    }

    private PendingAnswer error(long offset) {
        Delivery delivery = Deliveries.delivery(progress, offset);
        return new PendingAnswer(delivery, Deliveries.error(delivery));
    }
}
