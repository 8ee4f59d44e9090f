package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.boundary.Boundary;
import io.tidemark.boundary.BoundaryRecord;
import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
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
    @DisplayName("A batch gives the boundary and the curve of the reference, and its offset is committed")
    void movesTheBoundary() {
        calibrator.send("b1", 0, 0, model.examples());
        JsonNode boundary = calibrator.awaitSamples(model.examples());
        model.assertIsReference(boundary);
        assertThat(boundary.path("num_layers").asInt()).isEqualTo(6);
        assertThat(boundary.path("adapter_digest").asText()).hasSize(64);
        assertThat(boundary.path("pinned").asBoolean()).isFalse();
        calibrator.awaitCommitted(0, 1);
    }

    @Test
    @DisplayName("Six batches in another order, on two partitions and with restarts, give the same curve")
    void groupingAndRestarts() {
        int sixth = model.examples() / 6;
        List<Integer> order = List.of(5, 2, 0, 4, 1, 3);
        for (int i = 0; i < order.size(); i++) {
            calibrator.send("part-" + i, i % 2, order.get(i) * sixth, order.get(i) * sixth + sixth);
            calibrator.awaitSamples((i + 1L) * sixth);
            if (i % 2 == 1) {
                calibrator.stop();
                calibrator.start();
            }
        }
        model.assertIsReference(calibrator.awaitSamples(6L * sixth));
    }

    @Test
    @DisplayName("A repeated batch counts once on any partition")
    void repeatedBatch() {
        calibrator.send("again", 0, 0, 6);
        calibrator.awaitSamples(6);
        calibrator.send("again", 0, 0, 6);
        calibrator.send("again", 1, 0, 6);
        calibrator.send("another", 0, 6, 8);
        assertThat(calibrator.awaitSamples(8).path("samples").asInt()).isEqualTo(8);
        calibrator.awaitCommitted(1, 1);
        assertThat(calibrator.boundaries())
                .extracting(b -> b.path("samples").asInt())
                .containsExactly(6, 8);
    }

    @Test
    @DisplayName("A pinned boundary is kept while the calibration state grows, and its removal ends that")
    void pinned() {
        calibrator.sendBoundary("all", pin("all", 3));
        calibrator.send("b1", 0, 0, 6);
        calibrator.awaitCommitted(0, 1);
        Awaitility.await()
                .until(() -> !calibrator.states().isEmpty()
                        && !calibrator.boundaries().isEmpty());
        assertThat(calibrator.boundaries()).hasSize(1);

        calibrator.sendBoundary("all", null);
        calibrator.send("b2", 0, 6, 9);
        assertThat(calibrator.awaitSamples(9).path("samples").asInt()).isEqualTo(9);
    }

    @Test
    @DisplayName("A pin that a crashed calibrator has overwritten is published again before the first batch")
    void overwrittenPin() {
        calibrator.stop();
        byte[] pin = pin("qv", 2);
        calibrator.sendBoundary("qv", pin);
        calibrator.sendBoundary("qv", TopicClient.bytes("""
                {"adapter": "qv", "boundary": 1, "objective": "balanced", "curve": [-2, -1]}"""));
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
                "{\"batch_id\": \"x\", \"adapter\": \"all\", \"examples\": [{\"prompt\": \"a\", \"completion\": \""
                        + "b ".repeat(3000) + "\"}]}");
        calibrator.send("good", 0, 0, 4);
        calibrator.awaitSamples(4);
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
                        "context_length_exceeded");
        assertThat(letters.subList(2, 6))
                .extracting(letter -> header(letter, "tidemark.error.param"))
                .containsExactly("adapter", "examples", "examples[0].completion", "examples[0]");
        assertThat(calibrator.boundaries()).hasSize(1);
    }

    private static byte[] pin(String adapter, int layers) {
        return BoundaryRecord.setByHand(adapter, new Boundary(layers), "set by an operator", Instant.now())
                .toJson();
    }

    private static String header(ConsumerRecord<byte[], byte[]> letter, String name) {
        return TopicClient.text(letter.headers().lastHeader(name).value());
    }
}
