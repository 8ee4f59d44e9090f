package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.cli.serving.CommandSettings;
import io.tidemark.message.RawValidationBatch;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Outcomes of validation batches that the broker has not acknowledged, or no calibrator processes")
class BatchOutcomesTest {

    private static EmbeddedBroker broker;
    private static Cluster cluster;

    private final MockProducer<String, byte[]> producer =
            new MockProducer<>(false, null, new StringSerializer(), new ByteArraySerializer());
    private final RecordSender sender = new RecordSender(cluster, producer, Limits.DEFAULT.time(), System::nanoTime);
    private final BatchOutcomes outcomes = new BatchOutcomes(
            cluster, Topics.DEFAULT, "calibrators", Limits.DEFAULT, sender, Runnable::run, System::nanoTime);

    @BeforeAll
    static void startBroker() throws Exception {
        broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
        cluster = new Cluster(broker.bootstrapServers());
        CommandSettings.createTopics(cluster);
    }

    @AfterAll
    static void stopBroker() {
        broker.close();
    }

    @BeforeEach
    void start() {
        sender.start();
    }

    @AfterEach
    void stop() throws Exception {
        outcomes.stop();
        sender.close(Duration.ZERO);
    }

    @Test
    @DisplayName("A batch that the closing client fails is closed, and may be sent again")
    void closed() throws Exception {
        CompletableFuture<BatchOutcome> open = unacknowledged();
        outcomes.stop();
        producer.errorNext(new KafkaException("Producer is closed forcefully."));
        assertThat(open).isCompletedExceptionally();
        assertThatThrownBy(open::join)
                .hasCauseInstanceOf(ClientException.Closed.class)
                .hasMessageEndingWith("the client was closed before the broker acknowledged validation batch 'b';"
                        + " send it again: it counts once");
    }

    @Test
    @DisplayName("A batch that the broker refuses while the client is closed keeps the cause")
    void refused() throws Exception {
        CompletableFuture<BatchOutcome> open = unacknowledged();
        outcomes.stop();
        producer.errorNext(new RecordTooLargeException("too large"));
        assertThatThrownBy(open::join).hasCauseInstanceOf(ClientException.TooLarge.class);
    }

    @Test
    @DisplayName("A batch that an open client cannot send fails with Kafka's message")
    void failed() throws Exception {
        CompletableFuture<BatchOutcome> open = unacknowledged();
        producer.errorNext(new KafkaException("the disk is full"));
        assertThatThrownBy(open::join)
                .hasCauseInstanceOf(ClientException.Failed.class)
                .hasMessageEndingWith("validation batch 'b' was not sent: the disk is full");
    }

    @Test
    @DisplayName("The time limit of a batch starts when it is sent, and not before the topics are opened")
    void timeLimit() throws Exception {
        AtomicLong now = new AtomicLong();
        AtomicInteger looks = new AtomicInteger();
        long tooLong = Limits.DEFAULT.time().plusSeconds(1).toNanos();
        // the thread looks at the clock first when it opens the topic of states
        BatchOutcomes slow = new BatchOutcomes(
                cluster,
                Topics.DEFAULT,
                "calibrators",
                Limits.DEFAULT,
                sender,
                Runnable::run,
                () -> Thread.currentThread().getName().equals("tidemark-client-batches") && looks.getAndIncrement() == 0
                        ? now.addAndGet(tooLong)
                        : now.get());
        try {
            CompletableFuture<BatchOutcome> open = unacknowledged(slow);
            producer.completeNext();
            int acknowledged = looks.get();
            Awaitility.await().until(() -> open.isDone() || looks.get() > acknowledged + 4);
            assertThat(open).isNotDone();
            now.addAndGet(tooLong);
            Awaitility.await().until(open::isDone);
            assertThatThrownBy(open::join).hasCauseInstanceOf(ClientException.TimedOut.class);
        } finally {
            slow.stop();
        }
    }

    private CompletableFuture<BatchOutcome> unacknowledged() throws InterruptedException {
        return unacknowledged(outcomes);
    }

    private CompletableFuture<BatchOutcome> unacknowledged(BatchOutcomes outcomes) throws InterruptedException {
        CompletableFuture<BatchOutcome> open = outcomes.add(new RawValidationBatch("b", "a", List.of()), Duration.ZERO)
                .toCompletableFuture();
        Awaitility.await().until(() -> producer.history().size() == 1);
        return open;
    }
}
