package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.delivery.LoopFixture.Case;
import io.tidemark.stream.delivery.LoopFixture.Setup;
import io.tidemark.stream.delivery.LoopFixture.Worker;
import java.time.Duration;
import java.util.Map;
import java.util.Random;
import org.assertj.core.data.Percentage;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("The estimate of the work that waits in topics")
@Timeout(300)
class WaitingWorkTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    /** Of each partition: more than are read ahead. */
    private static final int REQUESTS = 200;

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
    @DisplayName("Is right within 10% with transactional clients, halves with half of the partitions, and ends at 0")
    void follows() {
        try (Case topics = fixture.newCase(2)) {
            topics.sendInTransactions(0, REQUESTS);
            topics.sendInTransactions(1, REQUESTS);
            Worker first = topics.startWorker();
            answerOne(first);
            Awaitility.await()
                    .atMost(TIMEOUT)
                    .untilAsserted(() -> assertThat(records(topics, first))
                            .isCloseTo(2 * REQUESTS - 1, Percentage.withPercentage(10)));

            Worker second = topics.startWorker();
            answerOne(second);
            Awaitility.await().atMost(TIMEOUT).untilAsserted(() -> {
                assertThat(records(topics, first)).isCloseTo(REQUESTS, Percentage.withPercentage(10));
                assertThat(records(topics, second)).isCloseTo(REQUESTS, Percentage.withPercentage(10));
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
                Awaitility.await()
                        .atMost(TIMEOUT)
                        .untilAsserted(() -> assertThat(records(topics, worker)).isZero());
            }
            topics.awaitNoLag();
        }
    }

    @Test
    @DisplayName("Counts each request topic, and nothing after the worker has lost its partitions")
    void severalTopics() {
        try (Case topics = fixture.newCase(1, 2, Map.of())) {
            for (int i = 0; i < 100; i++) {
                topics.send(0, 0, "");
                topics.send(1, 0, "");
                topics.send(1, 0, "");
            }
            Worker worker = topics.startWorker(new Setup().maxRunning(1));
            String urgent = topics.layout().requestTopics().get(0);
            String batch = topics.layout().requestTopics().get(1);
            answerOne(worker);
            Awaitility.await().atMost(TIMEOUT).untilAsserted(() -> {
                // one is answered and one runs
                assertThat(worker.work().waitingRecords(urgent)).isEqualTo(98);
                assertThat(worker.work().waitingRecords(batch)).isEqualTo(200);
            });
            assertThat(worker.work().tokensPerRecord()).hasValue(2);
            worker.stop();
            assertThat(worker.work().waitingRecords(urgent)).isZero();
            assertThat(worker.work().waitingRecords(batch)).isZero();
        }
    }

    private static void answerOne(Worker worker) {
        worker.awaitStarted(1);
        worker.finish(worker.started().get(0));
    }

    /** Records that wait, and requests that run. */
    private static double records(Case topics, Worker worker) {
        return worker.work().waitingRecords(topics.partition(0).topic())
                + worker.status().runningRequests();
    }
}
