package io.tidemark.stream.delivery.commit;

import static io.tidemark.stream.delivery.commit.FaultyTransactions.REPLIES;
import static io.tidemark.stream.delivery.commit.FaultyTransactions.TOPICS;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.delivery.commit.AnswerTransactions.CommitOutcome;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.KafkaException;
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
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Which failures of a transaction are the fault of a reply topic, and when the topic is used again. */
@DisplayName("Transactions of answers, some of which go to a reply topic that fails,")
class TopicsSetAsideTest {

    private final FaultyTransactions faulty = new FaultyTransactions();

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
        List<PendingAnswer> failing = List.of(faulty.replying(0));
        faulty.latest().failingTopic = REPLIES;
        faulty.latest().sendFailure = Optional.of(refusal);
        assertThat(faulty.write(failing)).isNotEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.status().topicsSetAside()).containsExactly(REPLIES);
        assertThat(faulty.setAside()).containsExactly(REPLIES);
        assertThat(faulty.write(failing)).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(failing.get(0).answer().error().orElseThrow().code()).isEqualTo("reply_topic_failed");
        faulty.time().sleep(Duration.ofSeconds(59));
        assertThat(faulty.write(List.of(faulty.replying(1)))).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.probes()).isEmpty();
        faulty.time().sleep(Duration.ofSeconds(1));
        assertThat(faulty.write(List.of(faulty.replying(2)))).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.probes()).as("the first one, which fails").hasSize(1);
        faulty.probeFailure(Optional.empty());
        faulty.time().sleep(Duration.ofSeconds(119));
        assertThat(faulty.write(List.of(faulty.replying(3)))).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.probes()).hasSize(1);
        faulty.time().sleep(Duration.ofSeconds(1));
        assertThat(faulty.write(List.of(faulty.replying(4)))).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.probes()).hasSize(2);
        assertThat(faulty.write(List.of(faulty.replying(5)))).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.status().topicsSetAside()).isEmpty();
        assertThat(faulty.latest().history())
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
        List<PendingAnswer> answers = List.of(faulty.replying(0));
        faulty.latest().failingTopic = REPLIES;
        for (int i = 0; i < 3; i++) {
            faulty.latest().sendFailure = Optional.of(reason);
            assertThat(faulty.write(answers)).isNotEqualTo(CommitOutcome.COMMITTED);
        }
        assertThat(faulty.status().topicsSetAside()).isEmpty();
        assertThat(faulty.write(answers)).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.latest().history()).extracting(ProducerRecord::topic).contains(REPLIES);
    }

    @Test
    @DisplayName("Set a reply topic aside whose records are not acknowledged in time, if those of others are")
    void notAcknowledged() {
        List<PendingAnswer> answers = List.of(faulty.answer(0), faulty.replying(1));
        faulty.latest().failingTopic = REPLIES;
        for (int i = 0; i < 2; i++) {
            assertThat(faulty.status().topicsSetAside()).isEmpty();
            faulty.latest().sendFailure = Optional.of(new TimeoutException("expired"));
            assertThat(faulty.write(answers)).isNotEqualTo(CommitOutcome.COMMITTED);
        }
        assertThat(faulty.status().topicsSetAside()).containsExactly(REPLIES);
        assertThat(faulty.write(answers)).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(answers.get(0).answer().error()).isEmpty();
    }

    @Test
    @DisplayName("Set a reply topic aside that refuses even the error in place of a large result")
    void tooLargeReply() {
        List<PendingAnswer> answers = List.of(faulty.replying(0), faulty.answer(1));
        faulty.latest().failingTopic = REPLIES;
        for (int i = 0; i < 2; i++) {
            faulty.latest().sendFailure = Optional.of(new RecordTooLargeException("too large"));
            assertThat(faulty.write(answers)).isNotEqualTo(CommitOutcome.COMMITTED);
        }
        assertThat(faulty.write(answers)).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(answers.get(0).answer().error().orElseThrow().code()).isEqualTo("reply_topic_failed");
    }

    @Test
    @DisplayName("Wait longer for a probe of a topic that fails again soon after a probe has succeeded")
    void flapping() {
        faulty.latest().failingTopic = REPLIES;
        faulty.probeFailure(Optional.empty());
        for (int seconds : List.of(60, 120, 240)) {
            faulty.latest().sendFailure = Optional.of(new InvalidTimestampException("out of range"));
            faulty.write(List.of(faulty.replying(0)));
            faulty.probes().clear();
            faulty.time().sleep(Duration.ofSeconds(seconds - 1));
            faulty.write(List.of(faulty.answer(1)));
            assertThat(faulty.probes()).isEmpty();
            faulty.time().sleep(Duration.ofSeconds(1));
            faulty.write(List.of(faulty.answer(2)));
            assertThat(faulty.probes()).hasSize(1);
            faulty.write(List.of(faulty.answer(3)));
            assertThat(faulty.status().topicsSetAside()).isEmpty();
        }
    }
}
