package io.tidemark.stream.delivery.commit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.message.ErrorBody;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.delivery.Deliveries;
import io.tidemark.stream.delivery.partition.CommitMetadata;
import io.tidemark.stream.delivery.partition.PartitionProgress;
import io.tidemark.stream.delivery.reply.Delivery;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.topics.TransactionalId;
import io.tidemark.time.Time;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("Answers that wait for their commit")
@Timeout(30)
class AnswerCommitsTest {

    private static final TopicLayout TOPICS =
            TopicLayout.of(TestSettings.with(Map.of()).topics());
    private static final ConsumerGroupMetadata GROUP = new ConsumerGroupMetadata("group");

    /** A producer whose commit waits for {@code permitted}, and then fails with {@code failure}. */
    private static final class SlowProducer extends MockProducer<byte[], byte[]> {

        private final CountDownLatch committing = new CountDownLatch(1);
        private final CountDownLatch permitted = new CountDownLatch(1);
        private volatile Optional<Error> failure = Optional.empty();

        SlowProducer() {
            super(true, null, new ByteArraySerializer(), new ByteArraySerializer());
        }

        @Override
        public void commitTransaction() {
            committing.countDown();
            try {
                permitted.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            failure.ifPresent(error -> {
                throw error;
            });
            super.commitTransaction();
        }
    }

    private final SlowProducer producer = new SlowProducer();
    private final AtomicInteger begun = new AtomicInteger();
    private final AtomicInteger committed = new AtomicInteger();
    private final ExecutorService thread = Executors.newSingleThreadExecutor();
    private final ResultProducers producers = FaultlessCluster.producers(() -> producer);
    private final PartitionProgress progress = Deliveries.progress(new TopicPartition(TOPICS.requests(), 0));
    private final AnswerCommits commits = new AnswerCommits(
            new AnswerTransactions(
                    producers,
                    TOPICS,
                    FaultlessCluster.noUnwritableTopics(),
                    FaultlessCluster.noFaults(),
                    () -> false,
                    Time.system()),
            transaction -> {
                begun.incrementAndGet();
                thread.execute(transaction);
            },
            Map.of(progress.partition(), progress),
            partitions -> Map.of(),
            answer -> committed.incrementAndGet(),
            new TransactionStatus(),
            Time.system());

    @AfterEach
    void close() {
        producer.permitted.countDown();
        commits.close();
        thread.shutdown();
    }

    @Test
    @DisplayName("Are in the next transaction if they arrive while one runs")
    void duringTransaction() throws InterruptedException {
        end(0);
        commits.begin(GROUP);
        producer.committing.await();
        end(1);
        commits.begin(GROUP);
        assertThat(commits.hasEnded()).isFalse();
        producer.permitted.countDown();
        assertThat(commits.finish()).isTrue();
        assertThat(commits.pending()).hasSize(1);
        assertThat(committed).hasValue(1);
        commits.begin(GROUP);
        assertThat(commits.finish()).isTrue();
        assertThat(commits.pending()).isEmpty();
        assertThat(committed).hasValue(2);
        assertThat(progress.commit(List.of()).target().offset()).isEqualTo(2);
        assertThat(commits.finish()).isFalse();
    }

    @Test
    @DisplayName("Begin no transaction without answers and changed metadata")
    void nothing() {
        producer.permitted.countDown();
        commits.begin(GROUP);
        assertThat(commits.finish()).as("the owner's name").isTrue();
        commits.begin(GROUP);
        assertThat(commits.isRunning()).isFalse();
        assertThat(begun).hasValue(1);
    }

    @Test
    @DisplayName("Throw an error of the thread of transactions on the thread that polls, so that the process ends")
    void error() {
        end(0);
        producer.failure = Optional.of(new OutOfMemoryError("planted"));
        producer.permitted.countDown();
        commits.begin(GROUP);
        assertThatThrownBy(commits::finish).isInstanceOf(OutOfMemoryError.class);
        assertThat(commits.isRunning()).isFalse();
        assertThat(committed).hasValue(0);
    }

    @Test
    @DisplayName("Are divided into transactions of at most 16 MiB, the oldest ones first")
    void bytes() {
        producer.permitted.countDown();
        for (int i = 0; i < 5; i++) {
            end(i, 5 << 20);
        }
        for (int left : List.of(2, 0)) {
            commits.begin(GROUP);
            assertThat(commits.finish()).isTrue();
            assertThat(commits.pending()).hasSize(left);
        }
        assertThat(producer.history()).hasSize(10);
        assertThat(progress.commit(List.of()).target().offset()).isEqualTo(5);
    }

    @Test
    @DisplayName("Are written with the new transactional id as the owner after the old one could not end a transaction")
    void newOwner() {
        producer.permitted.countDown();
        commits.begin(GROUP);
        assertThat(commits.finish()).isTrue();
        producers.renew();
        assertThat(progress.needsClaim()).isFalse();
        end(0);
        commits.begin(GROUP);
        assertThat(commits.finish()).isTrue();
        CommitMetadata metadata = CommitMetadata.of(
                "", producer.consumerGroupOffsetsHistory().get(1).get("group").get(progress.partition()));
        assertThat(metadata.owner()).contains("worker.1");
        assertThat(metadata.hasOtherOwner(Deliveries.PROCESS)).isFalse();
        assertThat(metadata.hasOtherOwner(new TransactionalId("group", "worke")))
                .isTrue();
    }

    /** Opens a request and adds its answer, whose result has this many bytes. */
    private void end(int offset, int bytes) {
        progress.open(offset);
        Delivery delivery = Deliveries.delivery(progress, offset);
        commits.add(new PendingAnswer(
                delivery,
                Deliveries.error(delivery).replacedBy(ErrorBody.serverError("engine_error", "x".repeat(bytes)))));
    }

    /** Opens a request and adds its answer. */
    private void end(int offset) {
        progress.open(offset);
        Delivery delivery = Deliveries.delivery(progress, offset);
        commits.add(new PendingAnswer(delivery, Deliveries.error(delivery)));
    }
}
