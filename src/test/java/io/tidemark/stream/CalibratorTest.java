package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.boundary.Boundary;
import io.tidemark.boundary.BoundaryRecord;
import io.tidemark.boundary.BoundaryRecordFormat;
import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.calibration.CalibrationPolicy;
import io.tidemark.calibration.Objective;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.model.LanguageModel;
import io.tidemark.stream.calibrator.CalibratorOptions;
import io.tidemark.stream.calibrator.CalibratorPart;
import io.tidemark.stream.calibrator.CalibratorTopics;
import io.tidemark.stream.calibrator.OwnThreadPace;
import io.tidemark.stream.clients.KafkaSettings;
import io.tidemark.stream.metrics.CalibrationMetrics;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.topics.TopicSetup;
import io.tidemark.torch.Torch;
import io.tidemark.torch.TorchOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CalibratorTest {

    private static final Path MODEL = Path.of(BrokerResource.MODEL);
    private static final ObjectMapper JSON = new ObjectMapper();

    private EmbeddedBroker broker;
    private KafkaSettings kafka;
    private Torch torch;
    private LanguageModel model;
    private AdapterStore adapters;
    private JsonNode reference;

    /** Each test has topics of its own. */
    private String prefix;
    private CalibratorTopics topics;
    private Outside outside;
    private CalibratorPart calibrator;

    @BeforeAll
    void load() throws IOException {
        broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
        kafka = new KafkaSettings(Map.of("bootstrap.servers", broker.bootstrapServers()));
        torch = Torch.open(new TorchOptions("cpu", 1));
        model = LanguageModel.load(MODEL, "llama-gqa", torch);
        adapters = new AdapterStore(model);
        adapters.load("all", MODEL.resolve("adapters/all"));
        reference = JSON.readTree(MODEL.resolve("adapters/all/expected.json").toFile());
    }

    @AfterAll
    void unload() {
        adapters.close();
        model.close();
        torch.close();
        broker.close();
    }

    @BeforeEach
    void start() {
        prefix = UUID.randomUUID() + ".";
        TopicLayout layout = TopicLayout.of(TestSettings.with(
                Map.of("tidemark.topics.prefix", prefix, "tidemark.topics.calibration-partitions", "2")).topics());
        try (Admin admin = Admin.create(kafka.connection())) {
            TopicSetup.ensure(admin, layout);
        }
        topics = CalibratorTopics.of(layout);
        outside = new Outside(broker.bootstrapServers(), topics.boundaries(), topics.deadLetters(), topics.state());
        calibrator = newCalibrator("balanced");
    }

    @AfterEach
    void stop() throws InterruptedException {
        calibrator.close();
        outside.close();
    }

    private CalibratorPart newCalibrator(String objective) {
        CalibratorOptions options = new CalibratorOptions(prefix + "calibrators", prefix + "a",
                new CalibrationPolicy(Objective.parse(objective), 2), SweepLimits.DEFAULT);
        return CalibratorPart.start(
                options, kafka, topics, model, adapters, new OwnThreadPace(),
                new CalibrationMetrics(new SimpleMeterRegistry()));
    }

    @Test
    @DisplayName("a batch moves the boundary to where the reference has it, with the reference's curve and the offset")
    void movesTheBoundary() {
        send("b1", 0, 0, reference.path("pairs").size());
        JsonNode boundary = awaitSamples(reference.path("pairs").size());
        assertReference(boundary);
        assertThat(boundary.path("boundary").asInt())
                .isEqualTo(reference.path("one_standard_error_boundary").asInt());
        assertThat(boundary.path("num_layers").asInt()).isEqualTo(6);
        assertThat(boundary.path("adapter_digest").asText()).hasSize(64);
        assertThat(boundary.path("pinned").asBoolean()).isFalse();
        awaitCommitted(0, 1);
    }

    @Test
    @DisplayName("six batches on two partitions, in another order and with restarts between, give the same curve")
    void groupingAndRestartsDontMatter() {
        int third = reference.path("pairs").size() / 6;
        List<Integer> order = List.of(5, 2, 0, 4, 1, 3);
        for (int i = 0; i < order.size(); i++) {
            send("piece-" + i, i % 2, order.get(i) * third, order.get(i) * third + third);
            awaitSamples((i + 1L) * third);
            if (i % 2 == 1) {
                calibrator.close();
                calibrator = newCalibrator("balanced");
            }
        }
        JsonNode boundary = awaitSamples(6L * third);
        assertReference(boundary);
        assertThat(boundary.path("boundary").asInt())
                .isEqualTo(reference.path("one_standard_error_boundary").asInt());
    }

    @Test
    @DisplayName("a batch that is sent again counts once, on whichever partition it comes")
    void repeatedBatch() {
        send("again", 0, 0, 6);
        awaitSamples(6);
        send("again", 0, 0, 6);
        send("again", 1, 0, 6);
        send("another", 0, 6, 8);
        assertThat(awaitSamples(8).path("samples").asInt()).isEqualTo(8);
        awaitCommitted(1, 1);
        assertThat(boundaries()).extracting(b -> b.path("samples").asInt()).containsExactly(6, 8);
    }

    @Test
    @DisplayName("a boundary that was set by hand is never moved, while the evidence for it grows")
    void pinned() {
        byte[] pin = new BoundaryRecordFormat()
                .write(BoundaryRecord.setByHand("all", new Boundary(3), "a person knows better", Instant.now()));
        outside.send(topics.boundaries(), "all", pin);
        send("b1", 0, 0, 6);
        awaitCommitted(0, 1);
        Awaitility.await().until(() -> !outside.heard(topics.state()).isEmpty() && !boundaries().isEmpty());
        assertThat(boundaries()).hasSize(1);

        outside.send(topics.boundaries(), "all", (byte[]) null);
        send("b2", 0, 6, 9);
        assertThat(awaitSamples(9).path("samples").asInt()).isEqualTo(9);
    }

    @Test
    @DisplayName("a pin that a dead calibrator's record has overtaken is published again before any batch comes")
    void overtakenPin() {
        calibrator.close();
        byte[] pin = new BoundaryRecordFormat().write(
                BoundaryRecord.setByHand("qv", new Boundary(2), "a person", Instant.now()));
        outside.send(topics.boundaries(), "qv", pin);
        outside.send(topics.boundaries(), "qv", """
                {"adapter": "qv", "boundary": 1, "objective": "balanced", "curve": [-2, -1]}""");
        calibrator = newCalibrator("balanced");
        Awaitility.await().until(() -> outside.heard(topics.boundaries()).size() == 3);
        assertThat(outside.heard(topics.boundaries()).get(2).value()).isEqualTo(pin);
    }

    @Test
    @DisplayName("a batch that can't be used is a dead letter with the reason, changes nothing, and the next one counts")
    void deadLetters() {
        sendRaw(null);
        sendRaw("{");
        sendRaw("{\"batch_id\": \"x\", \"adapter\": \"nobody\", "
                + "\"examples\": [{\"prompt\": \"a\", \"completion\": \"b\"}]}");
        sendRaw("{\"batch_id\": \"x\", \"adapter\": \"all\", \"examples\": []}");
        sendRaw("{\"batch_id\": \"x\", \"adapter\": \"all\", \"examples\": [{\"prompt\": \"a\"}]}");
        sendRaw("{\"batch_id\": \"x\", \"adapter\": \"all\", \"examples\": [{\"prompt\": \"a\", \"completion\": \""
                + "b ".repeat(3000) + "\"}]}");
        send("good", 0, 0, 4);
        awaitSamples(4);
        List<ConsumerRecord<byte[], byte[]>> letters = outside.heard(topics.deadLetters());
        assertThat(letters).extracting(letter -> header(letter, "tidemark.error.code")).containsExactly("empty_value",
                "invalid_json", "unknown_adapter", "invalid_value", "missing_field", "context_length_exceeded");
        assertThat(letters.subList(2, 6)).extracting(letter -> header(letter, "tidemark.error.param")).containsExactly(
                "adapter", "examples", "examples[0].completion", "examples[0]");
        assertThat(boundaries()).hasSize(1);
    }

    private static String header(ConsumerRecord<byte[], byte[]> letter, String name) {
        return Outside.text(letter.headers().lastHeader(name).value());
    }

    private void send(String batchId, int partition, int from, int to) {
        ObjectNode batch = JSON.createObjectNode().put("batch_id", batchId).put("adapter", "all");
        ArrayNode examples = batch.putArray("examples");
        IntStream.range(from, to).mapToObj(reference.path("pairs")::get).forEach(pair -> examples.addObject()
                .put("prompt", pair.path("prompt").asText()).put("completion", pair.path("completion").asText()));
        outside.send(new ProducerRecord<>(
                topics.batches(), partition, Outside.bytes("all"), Outside.bytes(batch.toString())));
    }

    private void sendRaw(String value) {
        outside.send(new ProducerRecord<>(
                topics.batches(), 0, Outside.bytes("raw"), value == null ? null : Outside.bytes(value)));
    }

    private List<JsonNode> boundaries() {
        return outside.values(topics.boundaries(), "all");
    }

    private JsonNode awaitSamples(long samples) {
        Awaitility.await("a boundary over " + samples + " samples").atMost(Duration.ofSeconds(30)).until(
                () -> boundaries().stream().anyMatch(boundary -> boundary.path("samples").asLong() == samples));
        List<JsonNode> all = boundaries();
        return all.get(all.size() - 1);
    }

    private void awaitCommitted(int partition, long offset) {
        Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> outside.committed(prefix + "calibrators",
                new TopicPartition(topics.batches(), partition)) >= offset);
    }

    private void assertReference(JsonNode boundary) {
        JsonNode expected = reference.path("mean_logprob_per_token_by_boundary");
        assertThat(boundary.path("curve")).hasSize(expected.size());
        for (int b = 0; b < expected.size(); b++) {
            assertThat(boundary.path("curve").get(b).asDouble()).isCloseTo(expected.get(b).asDouble(), within(1e-4));
        }
    }
}
