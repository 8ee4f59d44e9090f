package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.delivery.LoopWorker.Setup;
import java.time.Duration;
import java.util.Map;
import java.util.Random;
import org.assertj.core.data.Percentage;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("The estimate of the work that waits in topics")
@Timeout(300)
class WaitingWorkTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    /** Of each partition: more than are read ahead. */
    private static final int REQUESTS = 200;

    @AutoClose
    private static final LoopFixture CLUSTER = new LoopFixture();

    @Test
    @DisplayName("Is right within 10% with transactional clients, halves with half of the partitions, and ends at 0")
    void follows() {
        try (LoopTopics topics = CLUSTER.newCase(2)) {
            topics.sendInTransactions(0, REQUESTS);
            topics.sendInTransactions(1, REQUESTS);
            LoopWorker first = topics.startWorker();
            answerOne(first);
            Awaitility.await()
                    .atMost(TIMEOUT)
                    .untilAsserted(() -> assertThat(records(topics, first))
                            .isCloseTo(2 * REQUESTS - 1, Percentage.withPercentage(10)));

            LoopWorker second = topics.startWorker();
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
            for (LoopWorker worker : new LoopWorker[] {first, second}) {
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
        try (LoopTopics topics = CLUSTER.newCase(1, 2, Map.of())) {
            for (int i = 0; i < 100; i++) {
                topics.send(0, 0, "");
                topics.send(1, 0, "");
                topics.send(1, 0, "");
            }
            LoopWorker worker = topics.startWorker(new Setup().maxRunning(1));
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

    private static void answerOne(LoopWorker worker) {
        worker.awaitStarted(1);
        worker.finish(worker.started().get(0));
    }

    /** Records that wait, and requests that run. */
    private static double records(LoopTopics topics, LoopWorker worker) {
        return worker.work().waitingRecords(topics.partition(0).topic())
                + worker.status().runningRequests();
    }
}
