package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.TopicClient;
import io.tidemark.stream.delivery.LoopWorker.Setup;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("When the log of a request topic changes on a real broker,")
class RequestLogsTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    @AutoClose
    private static final LoopFixture CLUSTER = new LoopFixture();

    @Test
    @DisplayName("a committed offset behind its end does not stop the worker, which answers what is there")
    void behindTheEnd() {
        try (LoopTopics of = CLUSTER.newCase(1)) {
            of.send(0, 3);
            of.setCommitted(of.partition(0), new OffsetAndMetadata(10));
            LoopWorker worker = of.startWorker();
            worker.awaitStarted(3);
            worker.finish("0@0", "0@1", "0@2");
            of.awaitAnswered(3);
            of.awaitNoLag();
            assertThat(of.answered()).containsExactlyInAnyOrder("0@0", "0@1", "0@2");
            assertThat(replaced(of, worker)).isEqualTo(1);
        }
    }

    @Test
    @DisplayName("each request of a topic that is created again is answered, although the worker runs")
    void createdAgain() {
        try (LoopTopics of = CLUSTER.newCase(1)) {
            of.send(0, 3);
            LoopWorker worker = of.startWorker();
            worker.awaitStarted(3);
            worker.finish("0@0", "0@1", "0@2");
            of.awaitAnswered(3);
            of.createRequestsAgain();
            of.send(0, 5);
            Random random = new Random(1);
            Awaitility.await().atMost(TIMEOUT).untilAsserted(() -> {
                worker.finishSome(random);
                List<String> answered = of.answered();
                assertThat(answered.subList(3, answered.size())).contains("0@0", "0@1", "0@2", "0@3", "0@4");
            });
            of.awaitNoLag();
        }
    }

    @Test
    @DisplayName("a late commit for a topic that was created again since does not hide its first requests")
    void lateCommit() {
        try (LoopTopics of = CLUSTER.newCase(1)) {
            of.send(0, 2);
            LoopWorker worker = of.startWorker();
            worker.awaitStarted(2);
            worker.finish("0@0", "0@1");
            of.awaitAnswered(2);
            of.awaitNoLag();
            worker.stop();
            OffsetAndMetadata old = of.committed(of.partition(0));
            assertThat(old.metadata()).contains(" topic=").contains(" epoch=");
            of.createRequestsAgain();
            of.send(0, 3);
            of.setCommitted(of.partition(0), old);
            LoopWorker next = of.startWorker();
            next.awaitStarted(3);
            assertThat(next.started()).containsExactly("0@0", "0@1", "0@2");
            assertThat(replaced(of, next)).isEqualTo(1);
        }
    }

    @Test
    @DisplayName("requests that retention deletes before a worker has read them are counted")
    void expired() {
        try (LoopTopics of = CLUSTER.newCase(1)) {
            of.send(0, 5);
            LoopWorker worker = of.startWorker(new Setup().maxRunning(1));
            worker.awaitStarted(1);
            worker.finish("0@0");
            of.awaitAnswered(1);
            worker.stop();
            of.expire(of.partition(0), 4);
            LoopWorker next = of.startWorker();
            next.awaitStarted(1);
            next.finish("0@4");
            of.awaitAnswered(2);
            of.awaitNoLag();
            assertThat(of.answered()).containsExactly("0@0", "0@4");
            assertThat(next.status().requestTopics().expiredUnread(topic(of))).isEqualTo(3);
            assertThat(replaced(of, next)).isZero();
        }
    }

    @Test
    @DisplayName("requests that retention deletes behind the position of a running worker are counted")
    void expiredWhileRead() {
        try (LoopTopics of = CLUSTER.newCase(1)) {
            of.send(0, 100);
            // a fetch has one record, so that the consumer does not have them all
            LoopWorker worker = of.startWorker(new Setup().maxRunning(1).property("max.partition.fetch.bytes", 1));
            worker.awaitStarted(1);
            of.expire(of.partition(0), 90);
            List<String> finished = new ArrayList<>();
            Awaitility.await().atMost(TIMEOUT).until(() -> {
                List<String> started = worker.started();
                started.stream().filter(each -> !finished.contains(each)).forEach(each -> {
                    worker.finish(each);
                    finished.add(each);
                });
                return finished.contains("0@99");
            });
            of.awaitNoLag();
            long expired = worker.status().requestTopics().expiredUnread(topic(of));
            assertThat(expired).isPositive();
            assertThat(Set.copyOf(of.answered())).hasSize((int) (100 - expired));
            assertThat(of.answered()).doesNotHaveDuplicates();
        }
    }

    @Test
    @DisplayName("the offsets behind an open transaction of a client are a metric, until the transaction ends")
    void openTransaction() {
        try (LoopTopics of = CLUSTER.newCase(1);
                KafkaProducer<byte[], byte[]> client = of.newTransactionalClient()) {
            LoopWorker worker = of.startWorker();
            client.beginTransaction();
            client.send(new ProducerRecord<>(topic(of), 0, null, TopicClient.bytes("{}")));
            client.flush();
            of.send(0, 3);
            Awaitility.await()
                    .atMost(TIMEOUT)
                    .until(() -> worker.status().requestTopics().heldBack(topic(of)) == 4);
            assertThat(worker.started()).isEmpty();
            client.abortTransaction();
            worker.awaitStarted(3);
            Awaitility.await()
                    .atMost(TIMEOUT)
                    .until(() -> worker.status().requestTopics().heldBack(topic(of)) == 0);
        }
    }

    private static String topic(LoopTopics of) {
        return of.partition(0).topic();
    }

    private static long replaced(LoopTopics of, LoopWorker worker) {
        return worker.status().requestTopics().replacedLogs(topic(of));
    }
}
