package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.calibration.sweep.SweepRun;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.BoundaryRecords;
import io.tidemark.message.TopicJson;
import io.tidemark.stream.calibrator.CalibratorService;
import io.tidemark.stream.calibrator.SweepAbandonedException;
import io.tidemark.stream.calibrator.SweepExecutor;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("Calibrator")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CalibratorTest {

    private EmbeddedBroker broker;
    private CalibratedModel model;
    private RunningCalibrator calibrator;

    @BeforeAll
    void load() throws IOException {
        broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
        model = new CalibratedModel();
    }

    @AfterAll
    void unload() {
        model.close();
        broker.close();
    }

    @BeforeEach
    void start() {
        calibrator = new RunningCalibrator(broker, model);
    }

    @AfterEach
    void stop() throws InterruptedException {
        calibrator.close();
    }

    @Test
    @DisplayName("A batch gives a decision with the curve of the reference, and its offset is committed")
    void decides() {
        calibrator.send("b1", 0, 0, model.examples());
        JsonNode boundary = calibrator.awaitExamples(model.examples());
        model.assertIsReference(boundary);
        assertThat(boundary.path("version").path("base_digest").asText())
                .isEqualTo(model.model().digest());
        assertThat(boundary.path("version").path("num_layers").asInt()).isEqualTo(6);
        assertThat(boundary.path("version").path("adapter_digest").asText()).hasSize(64);
        assertThat(boundary.path("published").asBoolean()).isTrue();
        calibrator.awaitCommitted(0, 1);
    }

    @Test
    @DisplayName("Six batches in another order, on two partitions and with restarts, give the same curve")
    void groupingAndRestarts() {
        int sixth = model.examples() / 6;
        List<Integer> order = List.of(5, 2, 0, 4, 1, 3);
        for (int i = 0; i < order.size(); i++) {
            calibrator.send("part-" + i, i % 2, order.get(i) * sixth, order.get(i) * sixth + sixth);
            calibrator.awaitExamples((i + 1L) * sixth);
            if (i % 2 == 1) {
                calibrator.stop();
                calibrator.start();
            }
        }
        model.assertIsReference(calibrator.awaitExamples(6L * sixth));
    }

    @Test
    @DisplayName("A repeated batch counts once on any partition")
    void repeatedBatch() {
        calibrator.send("again", 0, 0, 6);
        calibrator.awaitExamples(6);
        calibrator.send("again", 0, 0, 6);
        calibrator.send("again", 1, 0, 6);
        calibrator.send("another", 0, 6, 8);
        assertThat(calibrator.awaitExamples(8).path("epoch").path("examples").asInt())
                .isEqualTo(8);
        calibrator.awaitCommitted(1, 1);
        assertThat(calibrator.decisions())
                .extracting(b -> b.path("epoch").path("examples").asInt())
                .containsExactly(6, 8);
    }

    @Test
    @DisplayName("A batch that arrives on two partitions at the same time counts once")
    void sameBatchAtTheSameTime() {
        AtomicInteger sweeps = new AtomicInteger();
        // a sweep lasts until the same batch is swept on the other partition, or skipped there
        SweepExecutor waiting = (sweep, heartbeat) -> {
            sweeps.incrementAndGet();
            while (sweeps.get() < 2 && committed(0) + committed(1) < 1 && heartbeat.beat(0)) {
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
            }
            return SweepExecutor.onOwnThreads().run(sweep, heartbeat);
        };
        calibrator.stop();
        calibrator.start(waiting);
        try (CalibratorService other = calibrator.another(waiting)) {
            calibrator.awaitTwoMembers();
            calibrator.send("same", 0, 0, 6);
            calibrator.send("same", 1, 0, 6);
            calibrator.awaitCommitted(0, 1);
            calibrator.awaitCommitted(1, 1);
            assertThat(sweeps).hasValue(1);
            calibrator.send("next on 0", 0, 6, 8);
            calibrator.awaitExamples(8);
            calibrator.send("next on 1", 1, 8, 11);
            calibrator.awaitExamples(11);
        }
    }

    private long committed(int partition) {
        OffsetAndMetadata committed = calibrator.committed(partition);
        return committed == null ? 0 : committed.offset();
    }

    @Test
    @DisplayName("Unknown fields of a state stay when a calibrator continues it")
    void unknownFields() {
        calibrator.send("b1", 0, 0, 6);
        calibrator.awaitExamples(6);
        Awaitility.await().until(() -> state("counted_batches").size() == 1);
        calibrator.stop();
        ConsumerRecord<byte[], byte[]> written = last(calibrator.states());
        ObjectNode newer = (ObjectNode) TopicClient.json(written.value());
        calibrator.sendState(
                TopicClient.text(written.key()),
                newer.put("note", "of an operator").toString());
        calibrator.start();
        calibrator.send("b2", 0, 6, 9);
        calibrator.awaitExamples(9);
        Awaitility.await().until(() -> state("counted_batches").size() == 2);
        assertThat(state("note").asText()).isEqualTo("of an operator");
    }

    /** A field of the last state; missing if the last record is a tombstone. */
    private JsonNode state(String field) {
        List<ConsumerRecord<byte[], byte[]>> states = calibrator.states();
        byte[] value = states.isEmpty() ? null : last(states).value();
        return TopicClient.json(value == null ? TopicClient.bytes("{}") : value).path(field);
    }

    private static <T> T last(List<T> list) {
        return list.get(list.size() - 1);
    }

    @Test
    @DisplayName("A pinned boundary is kept while the calibration state grows, and its removal ends that")
    void pinned() {
        calibrator.sendBoundary("all", pin("all", 3));
        calibrator.send("b1", 0, 0, 6);
        calibrator.awaitCommitted(0, 1);
        Awaitility.await()
                .until(() -> !calibrator.states().isEmpty()
                        && !calibrator.decisions().isEmpty());
        assertThat(calibrator.boundaries()).hasSize(1);
        assertThat(calibrator.decisions().get(0).path("reason").asText()).isEqualTo("pinned");

        calibrator.sendBoundary("all", null);
        calibrator.send("b2", 0, 6, 9);
        assertThat(calibrator.awaitExamples(9).path("epoch").path("examples").asInt())
                .isEqualTo(9);
    }

    @Test
    @DisplayName("A pin that a crashed calibrator has overwritten is published again before the first batch")
    void overwrittenPin() {
        calibrator.stop();
        byte[] pin = pin("qv", 2);
        calibrator.sendBoundary("qv", pin);
        calibrator.sendBoundary("qv", BoundaryRecords.calibratedValue("qv"));
        calibrator.start();
        Awaitility.await().until(() -> calibrator.boundaryRecords().size() == 3);
        assertThat(calibrator.boundaryRecords().get(2).value()).isEqualTo(pin);
    }

    @Test
    @DisplayName("An invalid batch becomes a dead letter with an error code, and the next batch counts")
    void deadLetters() {
        calibrator.sendRaw(null);
        calibrator.sendRaw("{");
        calibrator.sendRaw("{\"batch_id\": \"x\", \"adapter\": \"nobody\", "
                + "\"examples\": [{\"prompt\": \"a\", \"completion\": \"b\"}]}");
        calibrator.sendRaw("{\"batch_id\": \"x\", \"adapter\": \"all\", \"examples\": []}");
        calibrator.sendRaw("{\"batch_id\": \"x\", \"adapter\": \"all\", \"examples\": [{\"prompt\": \"a\"}]}");
        calibrator.sendRaw(
                "{\"batch_id\": \"x\", \"adapter\": \"all\", \"examples\": [{\"prompt\": \"a\", \"completion\": \"b\"}"
                        + ", {\"prompt\": \"a\", \"completion\": \"b\"}".repeat(RunningCalibrator.MAX_EXAMPLES)
                        + "]}");
        calibrator.send("good", 0, 0, 4);
        calibrator.awaitExamples(4);
        // the observing client may receive the boundary before the dead letters
        Awaitility.await().until(() -> calibrator.deadLetters().size() >= 6);
        List<ConsumerRecord<byte[], byte[]>> letters = calibrator.deadLetters();
        assertThat(letters)
                .extracting(letter -> header(letter, "tidemark.error.code"))
                .containsExactly(
                        "empty_value",
                        "invalid_json",
                        "unknown_adapter",
                        "invalid_value",
                        "missing_field",
                        "invalid_value");
        assertThat(letters.subList(2, 6))
                .extracting(letter -> header(letter, "tidemark.error.param"))
                .containsExactly("adapter", "examples", "examples[0].completion", "examples");
        assertThat(calibrator.decisions()).hasSize(1);
    }

    @Test
    @DisplayName("A batch whose sweep is abandoned is read again before a bad batch behind it is committed")
    void abandonedSweep() {
        AtomicInteger runs = new AtomicInteger();
        calibrator.stop();
        calibrator.send("good", 0, 0, 6);
        calibrator.sendRaw("{");
        calibrator.start((sweep, heartbeat) -> {
            if (runs.incrementAndGet() == 1) {
                sweep.close();
                throw new SweepAbandonedException();
            }
            return SweepExecutor.onOwnThreads().run(sweep, heartbeat);
        });
        calibrator.awaitExamples(6);
        calibrator.awaitCommitted(0, 2);
        assertThat(runs).hasValue(2);
    }

    @Test
    @DisplayName(
            "A batch that ends the calibrator three times with an Error becomes a dead letter, and the next counts")
    void failingBatch() {
        AtomicInteger runs = new AtomicInteger();
        calibrator.stop();
        calibrator.send("fails", 0, 0, 6);
        calibrator.send("good", 0, 0, 4);
        for (int failed = 0; failed < 3; failed++) {
            calibrator.start(failing(runs, 3));
            calibrator.awaitFailure();
        }
        calibrator.start(failing(runs, 3));
        calibrator.awaitExamples(4);
        calibrator.awaitCommitted(0, 2);
        assertThat(runs).hasValue(4);
        assertOneFailed();
    }

    @Test
    @DisplayName("A batch that succeeds after it has ended two calibrators with an Error counts")
    void failsTwice() {
        AtomicInteger runs = new AtomicInteger();
        calibrator.stop();
        calibrator.send("unlucky", 0, 0, 6);
        for (int failed = 0; failed < 2; failed++) {
            calibrator.start(failing(runs, 2));
            calibrator.awaitFailure();
        }
        calibrator.start(failing(runs, 2));
        calibrator.awaitExamples(6);
        calibrator.awaitCommitted(0, 1);
        assertThat(calibrator.deadLetters()).isEmpty();
        assertThat(calibrator.committed(0).metadata()).isEmpty();
    }

    @Test
    @DisplayName("A batch whose state is too large for its topic becomes a dead letter")
    void stateTooLarge() {
        calibrator.limitStates(100);
        calibrator.send("large", 0, 0, 6);
        calibrator.awaitCommitted(0, 1);
        assertOneFailed();
        assertThat(calibrator.decisions()).isEmpty();
    }

    @Test
    @DisplayName("A dead letter that is too large for its topic loses its value, and the next batch counts")
    void deadLetterTooLarge() {
        calibrator.limitDeadLetters(2000);
        calibrator.sendRaw("{" + " ".repeat(10_000));
        calibrator.send("good", 0, 0, 4);
        calibrator.awaitExamples(4);
        Awaitility.await().until(() -> !calibrator.deadLetters().isEmpty());
        assertThat(calibrator.deadLetters()).singleElement().satisfies(letter -> {
            assertThat(letter.value()).isNull();
            assertThat(TopicClient.text(letter.key())).isEqualTo("raw");
            assertThat(header(letter, "tidemark.error.code")).isEqualTo("invalid_json");
            assertThat(header(letter, "tidemark.size")).isEqualTo("10001");
        });
    }

    @Test
    @DisplayName("A topic that accepts no dead letter at all does not stop the calibrator")
    void noDeadLetter() {
        calibrator.limitDeadLetters(100);
        calibrator.sendRaw("{");
        calibrator.send("good", 0, 0, 4);
        calibrator.awaitExamples(4);
        calibrator.awaitCommitted(0, 2);
        assertThat(calibrator.deadLetters()).isEmpty();
    }

    @Test
    @DisplayName("A batch at which a third process has died becomes a dead letter before it is run again")
    void killingBatch() {
        AtomicInteger runs = new AtomicInteger();
        calibrator.stop();
        calibrator.send("kills", 0, 0, 6);
        calibrator.send("good", 0, 0, 4);
        calibrator.send("killed twice", 1, 4, 10);
        calibrator.commit(0, 0, "{\"version\":1,\"failures\":2,\"running_in\":\"dead\"}");
        calibrator.commit(1, 0, "{\"version\":1,\"failures\":1,\"running_in\":\"dead\"}");
        calibrator.start(failing(runs, 0));
        calibrator.awaitExamples(10);
        calibrator.awaitCommitted(0, 2);
        calibrator.awaitCommitted(1, 1);
        assertThat(runs).hasValue(2);
        assertOneFailed();
    }

    @Test
    @DisplayName("A calibrator that stops during a sweep, or loses the partition to another, adds no failure")
    void orderlyEnds() {
        calibrator.stop();
        calibrator.send("long", 1, 0, 6);
        calibrator.start(CalibratorTest::sweepUntilStopped);
        Awaitility.await().until(() -> attempts().path("running_in").isTextual());
        String first = attempts().path("running_in").asText();
        assertThat(attempts().path("failures").asInt()).isZero();
        try (CalibratorService other = calibrator.another(CalibratorTest::sweepUntilStopped)) {
            Awaitility.await()
                    .until(() -> attempts().path("running_in").isTextual()
                            && !attempts().path("running_in").asText().equals(first));
            assertThat(attempts().path("failures").asInt()).isZero();
        }
        calibrator.stop();
        assertThat(attempts().path("failures").asInt()).isZero();
        assertThat(attempts().has("running_in")).isFalse();
        assertThat(calibrator.committed(1).offset()).isZero();
    }

    /** The metadata of the committed offset of partition 1. */
    private JsonNode attempts() {
        OffsetAndMetadata committed = calibrator.committed(1);
        return TopicClient.json(TopicClient.bytes(committed == null ? "{}" : committed.metadata()));
    }

    private static double[][] sweepUntilStopped(SweepRun sweep, SweepExecutor.Heartbeat heartbeat)
            throws SweepAbandonedException {
        try (sweep) {
            while (heartbeat.beat(0)) {
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
            }
        }
        throw new SweepAbandonedException();
    }

    /** Fails the first runs with an Error, which ends the calibrator. */
    private static SweepExecutor failing(AtomicInteger runs, int failures) {
        return (sweep, heartbeat) -> {
            if (runs.incrementAndGet() <= failures) {
                sweep.close();
                throw new StackOverflowError("for this test");
            }
            return SweepExecutor.onOwnThreads().run(sweep, heartbeat);
        };
    }

    private static byte[] pin(String adapter, int layers) {
        return TopicJson.write(BoundaryRecord.setByHand(adapter, layers, "set by an operator", Instant.now()));
    }

    /** There is one dead letter, of a batch that has failed too often. */
    private void assertOneFailed() {
        Awaitility.await().until(() -> !calibrator.deadLetters().isEmpty());
        assertThat(calibrator.deadLetters())
                .extracting(letter -> header(letter, "tidemark.error.code"))
                .containsExactly("batch_failed");
    }

    private static String header(ConsumerRecord<byte[], byte[]> letter, String name) {
        return TopicClient.text(letter.headers().lastHeader(name).value());
    }
}
