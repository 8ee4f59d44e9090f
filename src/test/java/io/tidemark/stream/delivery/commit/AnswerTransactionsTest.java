package io.tidemark.stream.delivery.commit;

import static io.tidemark.stream.delivery.commit.FaultyTransactions.TOPICS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.stream.delivery.Deliveries;
import io.tidemark.stream.delivery.commit.AnswerTransactions.CommitOutcome;
import io.tidemark.stream.delivery.reply.Delivery;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.ClusterAuthorizationException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Sends and commits that fail, large records, and dead letters. */
@DisplayName("Transactions of answers")
class AnswerTransactionsTest {

    private final FaultyTransactions faulty = new FaultyTransactions();

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
        List<PendingAnswer> answers = List.of(faulty.answer(0), faulty.answer(1));
        faulty.latest().sendException = failure;
        assertThat(faulty.write(answers)).isNotEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.committedOffsets()).isEmpty();
        assertThat(faulty.transactions().failure()).isPresent();
        faulty.producers().forEach(producer -> producer.sendException = null);
        assertThat(faulty.write(answers)).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.committedOffsets()).containsExactly(2L);
        assertThat(faulty.results()).hasSize(2);
    }

    @ParameterizedTest
    @MethodSource("failuresOfSend")
    @DisplayName("Commit no offset when a send fails later, and write the same result again")
    void failingSend(RuntimeException failure) {
        List<PendingAnswer> answers = List.of(faulty.answer(0));
        faulty.latest().sendFailure = Optional.of(failure);
        assertThat(faulty.write(answers)).isNotEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.committedOffsets()).isEmpty();
        assertThat(faulty.write(answers)).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.results()).hasSize(1);
        assertThat(answers.get(0).answer().error()).isEmpty();
    }

    @Test
    @DisplayName("Send nothing more in a transaction that has failed")
    void stopsAtFailure() {
        faulty.latest().sendFailure = Optional.of(new TimeoutException("no metadata"));
        List<PendingAnswer> answers = List.of(faulty.answer(0), faulty.answer(1), faulty.answer(2));
        int before = faulty.latest().sends;
        assertThat(faulty.write(answers)).isNotEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.latest().sends - before).isEqualTo(1);
    }

    @Test
    @DisplayName(
            "Replace only the result that is too large, although the producer gives its failure to later ones, too")
    void tooLarge() {
        List<PendingAnswer> answers = List.of(faulty.answer(0), faulty.answer(1));
        faulty.latest().delayed = true;
        faulty.latest().sendFailure = Optional.of(new RecordTooLargeException("too large"));
        assertThat(faulty.write(answers)).isNotEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.write(answers)).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(answers.get(0).answer().error()).isPresent();
        assertThat(answers.get(1).answer().error()).isEmpty();
        assertThat(faulty.results()).hasSize(2);
    }

    @Test
    @DisplayName("Repeat a commit that times out, whether it had an effect or not, and write nothing twice")
    void commitTimesOut() {
        faulty.latest().afterCommit.addAll(List.of(new TimeoutException("lost"), new TimeoutException("lost")));
        assertThat(faulty.write(List.of(faulty.answer(0)))).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.producers()).hasSize(1);
        assertThat(faulty.results()).hasSize(1);
    }

    @Test
    @DisplayName("Replace the producer when a commit of unknown outcome fails; the progress drops what is committed")
    void commitFails() {
        faulty.latest().afterCommit.add(new ProducerFencedException("fenced after the commit"));
        faulty.progress().open(0);
        faulty.progress().open(1);
        assertThat(faulty.write(List.of(faulty.answer(0)))).isEqualTo(CommitOutcome.UNKNOWN);
        assertThat(faulty.producers()).hasSize(2);
        assertThat(faulty.producers().get(0).closed()).isTrue();
        OffsetAndMetadata committed = faulty.offsets().get(0);
        assertThat(faulty.progress().reconcile(committed)).containsExactly(0L);
        assertThat(faulty.results()).hasSize(1);
    }

    @Test
    @DisplayName("Throw a failure instead of trying again when the wait is over")
    void givesUp() {
        faulty.giveUp();
        faulty.latest().afterCommit.add(new TimeoutException("no broker"));
        assertThatThrownBy(() -> faulty.write(List.of(faulty.answer(0)))).isInstanceOf(TimeoutException.class);
        assertThat(faulty.producers()).hasSize(1);
    }

    @Test
    @DisplayName("Have at most half the bytes of one that took too long")
    void bytes() {
        List<PendingAnswer> answers = List.of(faulty.answer(0), faulty.answer(1));
        long bytes = answers.stream().mapToLong(PendingAnswer::writtenBytes).sum();
        assertThat(faulty.transactions().maxBytes()).isEqualTo(TransactionSize.MAX_BYTES);
        faulty.latest().onSend = () -> faulty.time().sleep(Duration.ofSeconds(8));
        faulty.latest().sendFailure = Optional.of(new TimeoutException("expired"));
        faulty.write(answers);
        assertThat(faulty.transactions().maxBytes())
                .isLessThan(TransactionSize.MAX_BYTES)
                .isGreaterThanOrEqualTo(bytes / 2);
    }

    @Test
    @DisplayName("Count what a dead letter keeps of a large request, and its key and headers")
    void letterBytes() {
        ConsumerRecord<byte[], byte[]> record = new ConsumerRecord<>(
                faulty.progress().partition().topic(), 0, 0, new byte[60_000], new byte[1_000_000]);
        record.headers().add("h", new byte[50_000]);
        Delivery delivery = Deliveries.delivery(faulty.progress(), record, Deliveries.toResults("results"));
        assertThat(new PendingAnswer(delivery, Deliveries.error(delivery)).writtenBytes())
                .isBetween(60_000 + 50_000 + (64L << 10), 60_000 + 50_000 + (64L << 10) + 5_000);
    }

    @Test
    @DisplayName("Leave out a dead letter whose topic may not be written to")
    void unauthorizedLetter() {
        List<PendingAnswer> answers = List.of(faulty.error(0), faulty.answer(1));
        faulty.latest().failingTopic = TOPICS.deadLetters();
        faulty.latest().sendFailure = Optional.of(new TopicAuthorizationException("denied"));
        assertThat(faulty.write(answers)).isNotEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.write(answers)).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.results()).hasSize(2);
        assertThat(faulty.latest().history()).hasSize(2);
    }

    @Test
    @DisplayName("Leave out a dead letter whose topic is missing, but not one that no broker takes at the moment")
    void missingLetterTopic() {
        List<PendingAnswer> answers = List.of(faulty.error(0));
        faulty.latest().failingTopic = TOPICS.deadLetters();
        faulty.latest().sendFailure = Optional.of(new TimeoutException("no answer"));
        assertThat(faulty.write(answers)).isNotEqualTo(CommitOutcome.COMMITTED);
        faulty.missingTopic(TOPICS.deadLetters());
        faulty.latest().sendFailure = Optional.of(new TimeoutException("no metadata"));
        assertThat(faulty.write(answers)).isNotEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.write(answers)).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.latest().history()).hasSize(1);
    }
}
