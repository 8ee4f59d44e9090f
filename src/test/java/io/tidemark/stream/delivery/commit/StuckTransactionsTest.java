package io.tidemark.stream.delivery.commit;

import static io.tidemark.stream.delivery.commit.FaultyTransactions.REPLIES;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.delivery.commit.AnswerTransactions.CommitOutcome;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What follows a transaction whose end the broker does not write. */
@DisplayName("Transactions of answers that can't be ended")
class StuckTransactionsTest {

    private final FaultyTransactions faulty = new FaultyTransactions();

    @Test
    @DisplayName("Go on with a new transactional id when a transaction can't be ended")
    void stuckTransaction() {
        List<PendingAnswer> answers = List.of(faulty.replying(0), faulty.answer(1));
        faulty.latest().failingTopic = REPLIES;
        faulty.latest().sendFailure = Optional.of(new InvalidTimestampException("out of range"));
        faulty.stick("worker");
        assertThat(faulty.write(answers)).isEqualTo(CommitOutcome.UNKNOWN);
        assertThat(faulty.transactions().transactionalId()).isEqualTo("worker.1");
        assertThat(faulty.producers()).hasSize(2);
        assertThat(faulty.producers().get(0).closed()).isTrue();
        assertThat(faulty.write(answers)).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.results()).hasSize(2);
    }

    @Test
    @DisplayName("Go on with a new transactional id when the end of a committed transaction blocks the next one")
    void stuckCommit() {
        faulty.stick("worker");
        faulty.latest().sendException = new TimeoutException("concurrent transactions");
        assertThat(faulty.write(List.of(faulty.answer(0)))).isEqualTo(CommitOutcome.UNKNOWN);
        assertThat(faulty.transactions().transactionalId()).isEqualTo("worker.1");
        assertThat(faulty.write(List.of(faulty.answer(0)))).isEqualTo(CommitOutcome.COMMITTED);
    }

    @Test
    @DisplayName("Go on with a new transactional id when the commit is decided and times out again and again")
    void decidedCommit() {
        for (int i = 0; i < 1_000; i++) {
            faulty.latest().afterCommit.add(new TimeoutException("concurrent transactions"));
        }
        faulty.stick("worker");
        assertThat(faulty.write(List.of(faulty.answer(0)))).isEqualTo(CommitOutcome.UNKNOWN);
        assertThat(faulty.transactions().transactionalId()).isEqualTo("worker.1");
        assertThat(faulty.transactions().failure()).isPresent();
        assertThat(faulty.producers()).hasSize(2);
        assertThat(faulty.producers().get(0).afterCommit).hasSize(999);
        assertThat(faulty.producers().get(0).closed()).isTrue();
        assertThat(faulty.results()).hasSize(1);
        assertThat(faulty.write(List.of(faulty.answer(1)))).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.results()).hasSize(2);
    }

    @Test
    @DisplayName("Repeat the commit of an open transaction with the same id, until it is decided")
    void undecidedCommit() {
        for (int i = 0; i < 20; i++) {
            faulty.latest().beforeCommit.add(new TimeoutException("no broker"));
        }
        assertThat(faulty.write(List.of(faulty.answer(0)))).isEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.transactions().transactionalId()).isEqualTo("worker");
        assertThat(faulty.producers()).hasSize(1);
        assertThat(faulty.results()).hasSize(1);
    }

    @Test
    @DisplayName("Keep the transactional id when the broker does not answer for another reason")
    void notStuck() {
        faulty.latest().sendException = new TimeoutException("no broker");
        assertThat(faulty.write(List.of(faulty.answer(0)))).isNotEqualTo(CommitOutcome.COMMITTED);
        assertThat(faulty.transactions().transactionalId()).isEqualTo("worker");
    }
}
