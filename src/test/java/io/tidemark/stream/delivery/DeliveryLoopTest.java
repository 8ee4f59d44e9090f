package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.generation.FinishReason;
import io.tidemark.message.CancellationMessage;
import io.tidemark.stream.TopicClient;
import io.tidemark.stream.delivery.LoopWorker.Setup;
import io.tidemark.stream.delivery.partition.CommitMetadata;
import io.tidemark.stream.delivery.partition.CrashHistory;
import io.tidemark.stream.delivery.partition.LogIdentity;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("The loop that reads and answers requests")
@Timeout(60)
class DeliveryLoopTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    @AutoClose
    private static final LoopFixture CLUSTER = new LoopFixture();

    @AutoClose
    private LoopTopics topics;

    @Test
    @DisplayName("Makes results visible in the order in which requests end, and a successor answers only the others")
    void outOfOrder() {
        topics = CLUSTER.newCase(1);
        topics.send(0, 4);
        LoopWorker first = topics.startWorker();
        first.awaitStarted(4);
        first.finish("0@3", "0@1");
        topics.awaitAnswered(2);
        assertThat(topics.committed(topics.partition(0)).offset()).isZero();
        first.stop();
        assertThat(first.status().abandonedRequests()).isEqualTo(2);

        LoopWorker second = topics.startWorker();
        topics.send(0, 1);
        second.awaitStarted(3);
        assertThat(second.started()).containsExactly("0@0", "0@2", "0@4");
        second.finish("0@4", "0@2", "0@0");
        topics.awaitAnswered(5);
        second.stop();
        assertOneResultEach(1, 5);
        assertThat(topics.committed(topics.partition(0)).offset()).isEqualTo(5);
    }

    @Test
    @DisplayName("Lets requests of a revoked partition end within the grace, and abandons at once those that can't")
    void revoked() {
        topics = CLUSTER.newCase(2);
        topics.send(0, 2);
        topics.send(1, 2);
        LoopWorker first = topics.startWorker();
        first.engine().estimate(id -> OptionalDouble.of(id.contains("-0#") ? 1 : 1000));
        first.awaitStarted(4);

        LoopWorker second = topics.startWorker();
        Awaitility.await()
                .atMost(TIMEOUT)
                .until(() -> !first.engine().cancelledAfterSubmission().isEmpty());
        assertThat(first.engine().cancelledAfterSubmission())
                .singleElement()
                .satisfies(id -> assertThat(id).contains("-1#"));
        int revoked = first.engine().cancelledAfterSubmission().get(0).matches(".*-0-1#\\d+") ? 0 : 1;
        assertThat(second.started()).isEmpty();
        first.finish(revoked + "@0");
        second.awaitStarted(1);
        assertThat(second.started()).containsExactly(revoked + "@1");
        second.finish(revoked + "@1");
        first.finish((1 - revoked) + "@1", (1 - revoked) + "@0");
        topics.awaitAnswered(4);
        assertThat(workerOf(revoked, 0)).isEqualTo(first.name());
        assertThat(workerOf(revoked, 1)).isEqualTo(second.name());
        first.stop();
        second.stop();
        assertOneResultEach(2, 2);
        assertThat(CommitMetadata.of("", topics.committed(topics.partition(revoked)))
                        .crashes())
                .isEqualTo(CrashHistory.NONE);
    }

    @Test
    @DisplayName("Commits nothing of a partition that it has lost without noticing")
    void lost() throws Exception {
        topics = CLUSTER.newCase(1);
        topics.send(0, 3);
        CountDownLatch held = new CountDownLatch(1);
        CountDownLatch release = new CountDownLatch(1);
        LoopWorker first = topics.startWorker(new Setup().onCommitted(() -> {
            held.countDown();
            awaitUninterruptibly(release);
        }));
        first.awaitStarted(3);
        first.finish("0@1");
        held.await();
        first.finish("0@0", "0@2");
        topics.removeMembers();
        LoopWorker second = topics.startWorker();
        second.awaitStarted(2);
        second.finish("0@0");
        topics.awaitAnswered(2);
        release.countDown();
        Awaitility.await()
                .atMost(TIMEOUT)
                .until(() -> first.status().runningRequests() == 0
                        && first.status().disruption().isEmpty());
        second.finish("0@2");
        topics.awaitAnswered(3);
        topics.send(0, 1);
        Awaitility.await()
                .atMost(TIMEOUT)
                .until(() -> second.started().contains("0@3") || first.started().contains("0@3"));
        (second.started().contains("0@3") ? second : first).finish("0@3");
        topics.awaitAnswered(4);
        first.stop();
        second.stop();
        assertOneResultEach(1, 4);
        assertThat(workerOf(0, 0)).isEqualTo(second.name());
        assertThat(workerOf(0, 2)).isEqualTo(second.name());
    }

    @Test
    @DisplayName("Finds the request that ends every worker, and answers the others once")
    void killer() {
        topics = CLUSTER.newCase(1);
        topics.send(0, 7);
        for (int i = 0; i < CrashHistory.MAX_DEATHS; i++) {
            LoopWorker dies = topics.startWorker();
            dies.awaitStarted(4);
            dies.kill();
        }
        LoopWorker alone = topics.startWorker();
        alone.awaitStarted("0@0");
        alone.finish("0@0");
        alone.awaitStarted("0@1");
        alone.finish("0@1");
        alone.awaitStarted("0@2");
        assertThat(alone.started()).containsExactly("0@0", "0@1", "0@2");
        alone.kill();
        LoopWorker again = topics.startWorker();
        again.awaitStarted("0@2");
        again.kill();
        assertThat(again.started()).containsExactly("0@2");

        LoopWorker last = topics.startWorker();
        last.awaitStarted("0@3");
        assertThat(topics.results(0, 2))
                .singleElement()
                .satisfies(result ->
                        assertThat(result.get("error").get("code").asText()).isEqualTo("worker_crashed"));
        assertThat(topics.visibleLetters()).hasSize(1);
        assertThat(last.started()).containsExactly("0@3");
        last.finish("0@3");
        last.awaitStarted(4);
        assertThat(last.started()).containsExactly("0@3", "0@4", "0@5", "0@6");
        last.finish("0@4", "0@5", "0@6");
        topics.awaitAnswered(7);
        last.stop();
        assertOneResultEach(1, 7);
    }

    @Test
    @DisplayName("Counts no death for workers that are stopped")
    void stopped() {
        topics = CLUSTER.newCase(1);
        topics.send(0, 4);
        for (int i = 0; i < CrashHistory.MAX_DEATHS + 1; i++) {
            LoopWorker stops = topics.startWorker();
            stops.awaitStarted(4);
            stops.stop();
        }
        assertThat(CommitMetadata.of("", topics.committed(topics.partition(0))).in(LogIdentity.NONE))
                .isEqualTo(CommitMetadata.NONE);
    }

    @Test
    @DisplayName("Replaces a producer that was fenced, and writes each result once")
    void fenced() throws Exception {
        topics = CLUSTER.newCase(1);
        topics.send(0, 8);
        LoopWorker worker = topics.startWorker(new Setup().maxRunning(8));
        worker.awaitStarted(8);
        for (int i = 0; i < 4; i++) {
            CLUSTER.admin()
                    .fenceProducers(List.of(worker.transactionalId()))
                    .all()
                    .get();
            worker.finish("0@" + (7 - i), "0@" + i);
            topics.awaitAnswered(2 * i + 2);
        }
        topics.send(0, 1);
        worker.awaitStarted(9);
        worker.finish("0@8");
        topics.awaitAnswered(9);
        worker.stop();
        assertOneResultEach(1, 9);
    }

    @Test
    @DisplayName("Writes a result once although its first transactions time out")
    void timeouts() {
        topics = CLUSTER.newCase(1);
        topics.send(0, 3);
        LoopWorker worker = topics.startWorker(
                new Setup().property("delivery.timeout.ms", 1000).property("request.timeout.ms", 900));
        worker.awaitStarted(3);
        worker.finish("0@2");
        topics.awaitAnswered(1);
        topics.deleteResults();
        worker.finish("0@1", "0@0");
        Awaitility.await()
                .atMost(TIMEOUT)
                .until(() -> worker.status().disruption().isPresent());
        assertThat(topics.committed(topics.partition(0)).offset()).isZero();
        topics.createResults();
        topics.awaitAnswered(2);
        Awaitility.await()
                .atMost(TIMEOUT)
                .until(() -> worker.status().disruption().isEmpty());
        worker.stop();
        assertOneResultEach(1, 2);
    }

    @Test
    @DisplayName("Writes an error in place of a result that the client or the topic refuses, and the results beside it")
    void tooLarge() {
        topics = CLUSTER.newCase(1, 1, Map.of("results.max.message.bytes", "2000"));
        topics.send(0, 4);
        LoopWorker worker = topics.startWorker();
        worker.awaitStarted(4);
        worker.finish("0@0");
        worker.finish("0@1", "x".repeat(3000), FinishReason.STOP);
        worker.finish("0@2");
        worker.finish("0@3", "x".repeat(6 * 1024 * 1024), FinishReason.STOP);
        topics.awaitAnswered(4);
        worker.stop();
        assertOneResultEach(1, 4);
        for (int offset : List.of(1, 3)) {
            assertThat(codeOf(offset)).contains("result_too_large");
        }
        assertThat(codeOf(0)).isEmpty();
        assertThat(codeOf(2)).isEmpty();
        assertThat(topics.visibleLetters()).hasSize(2);
    }

    @Test
    @DisplayName("Leaves out a dead letter that its topic refuses")
    void largeLetter() {
        topics = CLUSTER.newCase(1, 1, Map.of("letters.max.message.bytes", "400"));
        topics.write(new ProducerRecord<>(
                topics.partition(0).topic(), 0, null, TopicClient.bytes("{\"model\": " + " ".repeat(2000))));
        topics.send(0, 1);
        LoopWorker worker = topics.startWorker();
        worker.awaitStarted("0@1");
        worker.finish("0@1");
        topics.awaitAnswered(2);
        worker.stop();
        assertOneResultEach(1, 2);
        assertThat(codeOf(0)).contains("invalid_json");
        assertThat(topics.visibleLetters()).isEmpty();
    }

    @Test
    @DisplayName("Writes an error to the results topic if a reply topic was deleted")
    void deletedReplyTopic() throws Exception {
        topics = CLUSTER.newCase(1);
        String reply = topics.addReplyTopic();
        for (int i = 0; i < 5; i++) {
            topics.sendWithReply(reply);
        }
        topics.send(0, 1);
        LoopWorker worker = topics.startWorker(
                new Setup().maxRunning(6).property("delivery.timeout.ms", 2000).property("request.timeout.ms", 1000));
        worker.awaitStarted(6);
        worker.finish("0@0");
        Awaitility.await()
                .atMost(TIMEOUT)
                .until(() -> topics.committed(topics.partition(0)).offset() == 1);
        topics.delete(reply);
        worker.finish("0@1", "0@5");
        topics.awaitAnswered(2);
        // later requests of the topic do not wait for its metadata, one after the other
        for (int i = 2; i < 5; i++) {
            worker.finish("0@" + i);
            topics.awaitAnswered(i + 1);
        }
        worker.stop();
        assertThat(topics.answered()).hasSize(5).doesNotContain("0@0");
        assertThat(codeOf(5)).isEmpty();
        for (int i = 1; i < 5; i++) {
            assertThat(codeOf(i)).contains("reply_topic_failed");
        }
    }

    @Test
    @DisplayName("Ends the open transaction of a dead worker, which delays its successor and readers")
    void openTransaction() {
        topics = CLUSTER.newCase(1);
        topics.send(0, 2);
        TopicPartition partition = topics.partition(0);
        String dead = topics.group() + "/dead";
        topics.setCommitted(
                partition,
                new OffsetAndMetadata(
                        0,
                        Deliveries.metadata(Optional.of(dead), false, CrashHistory.NONE, new BitSet())
                                .toString()));
        KafkaProducer<byte[], byte[]> producer = CLUSTER.newTransactionalProducer(dead);
        try (producer) {
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topics.results(), TopicClient.bytes("never visible")));
            producer.sendOffsetsToTransaction(
                    Map.of(partition, new OffsetAndMetadata(1)), new ConsumerGroupMetadata(topics.group()));
            producer.flush();
            LoopWorker worker = topics.startWorker();
            Awaitility.await()
                    .atMost(Duration.ofSeconds(15))
                    .until(() -> worker.started().size() == 2);
            worker.finish("0@1", "0@0");
            Awaitility.await()
                    .atMost(Duration.ofSeconds(15))
                    .until(() -> topics.answered().size() == 2);
            worker.stop();
        }
        assertOneResultEach(1, 2);
    }

    @Test
    @DisplayName("Is a member of its group whose client id is the transactional id of the process")
    void clientId() {
        topics = CLUSTER.newCase(1);
        topics.send(0, 1);
        LoopWorker worker = topics.startWorker();
        worker.awaitStarted(1);
        assertThat(topics.clientIds()).containsExactly(worker.transactionalId());
        worker.finish("0@0");
        worker.stop();
    }

    @Test
    @DisplayName("Ignores metadata that it can't parse, and keeps the offset")
    void garbage() {
        topics = CLUSTER.newCase(1);
        topics.send(0, 2);
        topics.setCommitted(topics.partition(0), new OffsetAndMetadata(1, "tidemark/1 done=%%%"));
        LoopWorker worker = topics.startWorker();
        worker.awaitStarted(1);
        worker.finish("0@1");
        topics.awaitAnswered(1);
        worker.stop();
        assertThat(topics.answered()).containsExactly("0@1");
    }

    @Test
    @DisplayName("Starts requests of a lower topic for a share of the starts only")
    void topicsInOrder() {
        topics = CLUSTER.newCase(1, 2, Map.of());
        for (int i = 0; i < 30; i++) {
            topics.send(1, 0, "");
            topics.send(0, 0, "");
        }
        LoopWorker worker = topics.startWorker(new Setup().maxRunning(1));
        answerInOrder(worker, 60);
        List<String> started = worker.engine().submitted().stream()
                .map(request -> request.id().contains("requests0") ? "high" : "low")
                .toList();
        // a few low ones start before the first high one is read
        assertThat(started.subList(0, started.lastIndexOf("high")).stream()
                        .filter("low"::equals)
                        .count())
                .isBetween(2L, 8L);
        worker.stop();
        assertThat(topics.visibleResults()).hasSize(60);
    }

    @Test
    @DisplayName("Starts requests of other partitions although one partition has a flood of them")
    void flood() {
        topics = CLUSTER.newCase(2);
        topics.send(0, 150);
        topics.send(1, 3);
        LoopWorker worker = topics.startWorker(new Setup().maxRunning(1));
        answerInOrder(worker, 60);
        assertThat(worker.started().indexOf("1@2")).isBetween(0, 20);
    }

    @Test
    @DisplayName("Answers requests that are cancelled or whose deadline passes once")
    void cancelled() {
        topics = CLUSTER.newCase(1);
        topics.send(0, 0, ", \"id\": \"cancelled\"");
        topics.send(0, 0, ", \"timeout_ms\": 300");
        topics.send(0, 0, ", \"deadline\": \"2020-01-01T00:00:00Z\"");
        LoopWorker worker = topics.startWorker();
        Awaitility.await()
                .atMost(TIMEOUT)
                .until(() ->
                        worker.started().contains("0@0") && topics.answered().contains("0@2"));
        worker.requests().cancel(CancellationMessage.ofId("cancelled"), Long.MAX_VALUE);
        worker.finish("0@0", "part", FinishReason.CANCELLED);
        if (worker.started().contains("0@1")) {
            Awaitility.await().until(() -> worker.engine().reasons().contains(FinishReason.DEADLINE));
            worker.finish("0@1", "part", FinishReason.DEADLINE);
        }
        topics.awaitAnswered(3);
        worker.finish("0@0", "again", FinishReason.STOP);
        worker.stop();
        assertOneResultEach(1, 3);
        assertThat(reasonOf(0)).isEqualTo("cancelled");
        assertThat(reasonOf(1)).isEqualTo("deadline");
        assertThat(reasonOf(2)).isEqualTo("deadline");
    }

    @Test
    @DisplayName("Ends a worker that is stopped with open requests when these have ended")
    void grace() {
        topics = CLUSTER.newCase(1);
        topics.send(0, 3);
        LoopWorker worker = topics.startWorker(new Setup().maxRunning(2).grace(TIMEOUT));
        worker.awaitStarted(2);
        worker.control().stop();
        worker.finish("0@1", "0@0");
        worker.stop();
        assertThat(worker.hasEnded()).isTrue();
        assertThat(topics.answered()).containsExactlyInAnyOrder("0@0", "0@1");
        assertThat(worker.started()).hasSize(2);
        assertThat(CommitMetadata.of("", topics.committed(topics.partition(0))).owner())
                .isEmpty();
    }

    @Test
    @DisplayName("Has one result for each request after random ends, deaths, stops, losses and fencing of workers")
    void randomFaults() throws Exception {
        topics = CLUSTER.newCase(3);
        for (int partition = 0; partition < 3; partition++) {
            topics.sendInTransactions(partition, 70);
        }
        Random random = new Random(11);
        List<LoopWorker> alive = new ArrayList<>(List.of(topics.startWorker(), topics.startWorker()));
        for (int faults = 0; topics.answered().size() < 210; faults++) {
            alive.forEach(worker -> worker.finishSome(random));
            LoopWorker worker = alive.get(random.nextInt(2));
            switch (faults < 200 ? random.nextInt(24) : -1) {
                case 0 -> {
                    worker.kill();
                    alive.set(alive.indexOf(worker), topics.startWorker());
                }
                case 1 -> {
                    worker.stop();
                    alive.set(alive.indexOf(worker), topics.startWorker());
                }
                case 2 -> topics.removeMembers();
                case 3, 4, 5 ->
                    CLUSTER.admin()
                            .fenceProducers(List.of(worker.transactionalId()))
                            .all()
                            .get();
                default -> {
                    // requests end
                }
            }
        }
        topics.awaitNoLag();
        alive.forEach(LoopWorker::stop);
        assertOneResultEach(3, 70);
    }

    /** Ends each request of a worker that runs one at a time. */
    private static void answerInOrder(LoopWorker worker, int count) {
        for (int i = 0; i < count; i++) {
            worker.awaitStarted(i + 1);
            worker.finish(worker.started().get(i));
        }
    }

    private void assertOneResultEach(int partitions, int requests) {
        assertThat(topics.answered()).doesNotHaveDuplicates().hasSize(partitions * requests);
    }

    private String workerOf(int partition, long offset) {
        return topics.results(partition, offset)
                .get(0)
                .get("tidemark")
                .get("worker")
                .asText();
    }

    private Optional<String> codeOf(long offset) {
        return Optional.ofNullable(topics.results(0, offset).get(0).get("error"))
                .map(error -> error.get("code").asText());
    }

    private String reasonOf(long offset) {
        JsonNode choice = topics.results(0, offset).get(0).get("choices").get(0);
        return choice.get("finish_reason").asText();
    }

    private static void awaitUninterruptibly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
