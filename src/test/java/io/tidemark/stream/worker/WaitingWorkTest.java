package io.tidemark.stream.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.TopicClient;
import io.tidemark.stream.worker.LoopFixture.Case;
import io.tidemark.stream.worker.LoopFixture.Setup;
import io.tidemark.stream.worker.LoopFixture.Worker;
import java.time.Duration;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.assertj.core.data.Percentage;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("The estimate of the work that waits in topics")
@Timeout(60)
class WaitingWorkTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    /** Of each partition: more than are read ahead. */
    private static final int REQUESTS = 200;
    /** Tokens of each request in these tests. */
    private static final double TOKENS = 2;

    private static LoopFixture fixture;

    @BeforeAll
    static void startBroker() {
        fixture = new LoopFixture();
    }

    @AfterAll
    static void stopBroker() {
        fixture.close();
    }

    @Test
    @DisplayName(
            "Is right within 10% with transactional clients, halves with half of the partitions, and ends at 0, as the lag does")
    void follows() {
        try (Case topics = fixture.newCase(2)) {
            fill(topics, 0);
            fill(topics, 1);
            Worker first = topics.startWorker();
            answerOne(first);
            Awaitility.await()
                    .atMost(TIMEOUT)
                    .untilAsserted(() -> assertThat(requests(topics, first))
                            .isCloseTo(2 * REQUESTS - 1, Percentage.withPercentage(10)));

            Worker second = topics.startWorker();
            answerOne(second);
            Awaitility.await().atMost(TIMEOUT).untilAsserted(() -> {
                assertThat(requests(topics, first)).isCloseTo(REQUESTS, Percentage.withPercentage(10));
                assertThat(requests(topics, second)).isCloseTo(REQUESTS, Percentage.withPercentage(10));
            });

            Random random = new Random(1);
            Awaitility.await()
                    .atMost(TIMEOUT)
                    .pollInterval(Duration.ofMillis(20))
                    .until(() -> {
                        first.finishSome(random);
                        second.finishSome(random);
                        return topics.answered().size() >= 2 * REQUESTS;
                    });
            for (Worker worker : new Worker[] {first, second}) {
                Awaitility.await().atMost(TIMEOUT).untilAsserted(() -> {
                    assertThat(worker.work().topicTokens(topics.partition(0).topic()))
                            .isZero();
                    assertThat(worker.work().outstandingTokens(worker.requests().admitting()))
                            .isZero();
                });
            }
            for (int partition = 0; partition < 2; partition++) {
                TopicPartition each = topics.partition(partition);
                Awaitility.await()
                        .atMost(TIMEOUT)
                        .untilAsserted(() ->
                                assertThat(topics.committed(each).offset()).isEqualTo(end(each)));
            }
        }
    }

    @Test
    @DisplayName("Counts each topic of requests, and nothing after the worker has lost its partitions")
    void severalTopics() {
        try (Case topics = fixture.newCase(1, 2, Map.of())) {
            for (int i = 0; i < 100; i++) {
                topics.send(0, 0, "");
                topics.send(1, 0, "");
                topics.send(1, 0, "");
            }
            Worker worker = topics.startWorker(new Setup().maxOpen(1));
            String urgent = topics.layout().requestTopics().get(0);
            String batch = topics.layout().requestTopics().get(1);
            answerOne(worker);
            Awaitility.await().atMost(TIMEOUT).untilAsserted(() -> {
                // the others are read ahead
                assertThat(worker.work().topicTokens(urgent) / TOKENS).isBetween(30.0, 100.0);
                assertThat(worker.work().topicTokens(batch) / TOKENS).isBetween(130.0, 200.0);
            });
            worker.stop();
            assertThat(worker.work().topicTokens(urgent)).isZero();
            assertThat(worker.work().topicTokens(batch)).isZero();
            assertThat(worker.work().outstandingTokens(0)).isZero();
        }
    }

    /** From the first answer on, the estimate is a number of requests times a number of tokens that the test knows. */
    private static void answerOne(Worker worker) {
        worker.awaitStarted(1);
        worker.finish(worker.started().get(0));
    }

    private static double requests(Case topics, Worker worker) {
        double waiting = worker.work().topicTokens(topics.partition(0).topic())
                + worker.work().outstandingTokens(worker.requests().admitting());
        return waiting / TOKENS + worker.loop().openRequests();
    }

    /** Writes requests in small transactions. A fifth of the transactions is aborted and not counted. */
    private static void fill(Case topics, int partition) {
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                Map.of(
                        "bootstrap.servers",
                        fixture.bootstrapServers(),
                        "transactional.id",
                        topics.group() + "-client-" + partition),
                new ByteArraySerializer(),
                new ByteArraySerializer())) {
            producer.initTransactions();
            byte[] request = TopicClient.bytes("{\"model\": \"" + topics.model() + "\", \"prompt\": \"x\"}");
            int sent = 0;
            for (int transaction = 0; sent < REQUESTS; transaction++) {
                producer.beginTransaction();
                producer.send(new ProducerRecord<>(topics.partition(partition).topic(), partition, null, request));
                producer.send(new ProducerRecord<>(topics.partition(partition).topic(), partition, null, request));
                if (transaction % 5 == 0) {
                    producer.flush();
                    producer.abortTransaction();
                } else {
                    producer.commitTransaction();
                    sent += 2;
                }
            }
        }
    }

    private static long end(TopicPartition partition) throws Exception {
        return fixture.admin()
                .listOffsets(Map.of(partition, OffsetSpec.latest()))
                .partitionResult(partition)
                .get()
                .offset();
    }
}
