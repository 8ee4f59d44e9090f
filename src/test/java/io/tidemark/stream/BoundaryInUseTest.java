package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.tidemark.client.Cluster;
import io.tidemark.client.DecisionTopic;
import io.tidemark.client.Topics;
import io.tidemark.message.AdapterVersion;
import io.tidemark.message.BoundaryRecords;
import io.tidemark.message.TopicJson;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.UUID;
import org.awaitility.Awaitility;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The boundaries in results while the boundary table of a running worker changes. */
@QuarkusTest
@QuarkusTestResource(BrokerResource.class)
class BoundaryInUseTest {

    private static final int LAYERS = 6;

    @Inject
    TopicClient client;

    @ConfigProperty(name = "kafka.bootstrap.servers")
    String brokers;

    @Test
    @DisplayName(
            "A boundary record applies from the next request on, and one that does not match the adapter gives full LoRA")
    void tableSemantics() {
        assertThat(request("qv").path("boundary").asInt()).isEqualTo(LAYERS);
        assertThat(request("qv").has("boundary_offset")).isFalse();

        long offset = client.send(WorkerTopics.BOUNDARIES, "qv", record("")).offset();
        awaitBoundary("qv", 2);
        assertThat(request("qv").path("boundary_offset").asLong()).isEqualTo(offset);

        String digest = request("qv").path("adapter_digest").asText();
        client.send(WorkerTopics.BOUNDARIES, "qv", record("\"adapter_digest\": \"" + "0".repeat(64) + "\""));
        awaitBoundary("qv", LAYERS);
        client.send(WorkerTopics.BOUNDARIES, "qv", record("\"num_layers\": 6, \"adapter_digest\": \"" + digest + "\""));
        awaitBoundary("qv", 2);
        client.send(WorkerTopics.BOUNDARIES, "qv", "{\"adapter\": \"qv\", \"boundary\": \"two\"}");
        awaitBoundary("qv", LAYERS);
        client.send(WorkerTopics.BOUNDARIES, "qv", record(""));
        awaitBoundary("qv", 2);
        client.send(WorkerTopics.BOUNDARIES, "qv", (byte[]) null);
        awaitBoundary("qv", LAYERS);
    }

    @Test
    @DisplayName("A running request keeps the boundary of its admission when the table changes")
    void pinnedAtAdmission() {
        client.send("generation-requests", null, WorkerTopics.longRequest("pinned", "all"));
        Awaitility.await()
                .until(() -> !client.values("generation-events", "pinned").isEmpty());
        client.send(WorkerTopics.BOUNDARIES, "all", "{\"adapter\": \"all\", \"boundary\": 1}");
        awaitBoundary("all", 1);
        assertThat(client.await("generation-results", "pinned")
                        .path("tidemark")
                        .path("boundary")
                        .asInt())
                .isEqualTo(LAYERS);
        client.send(WorkerTopics.BOUNDARIES, "all", (byte[]) null);
        awaitBoundary("all", LAYERS);
    }

    @Test
    @DisplayName("A process with both roles replaces a boundary with a looser test by full LoRA in the next results")
    void calibratedBetweenSteps() {
        client.send("validation-batches", "some-layers", batch("b1"));
        DecisionTopic decisions = new DecisionTopic(new Cluster(brokers), Topics.DEFAULT);
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .until(() -> !decisions.read("some-layers", 1).last().isEmpty());
        AdapterVersion version = decisions.read("some-layers", 1).last().get(0).version();
        client.send(
                WorkerTopics.BOUNDARIES,
                "some-layers",
                TopicJson.write(BoundaryRecords.calibrated("some-layers", version, 2, 2, 1, OptionalInt.of(LAYERS))));
        awaitBoundary("some-layers", 2);
        client.send("validation-batches", "some-layers", batch("b2"));
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .until(() ->
                        client.values(WorkerTopics.BOUNDARIES, "some-layers").size() > 1);
        JsonNode boundary =
                client.values(WorkerTopics.BOUNDARIES, "some-layers").get(1);
        assertThat(boundary.path("writer").asText()).isEqualTo("calibrator");
        assertThat(boundary.path("reason").asText()).isEqualTo("stricter_settings");
        assertThat(boundary.path("boundary").asInt()).isEqualTo(LAYERS);
        assertThat(boundary.path("decision").path("scores")).hasSize(LAYERS + 1);
        awaitBoundary("some-layers", LAYERS);
    }

    private static String batch(String id) {
        StringBuilder examples = new StringBuilder();
        for (int i = 0; i < 8; i++) {
            examples.append(i == 0 ? "" : ", ")
                    .append("{\"prompt\": \"number ")
                    .append(i)
                    .append("\", \"completion\": \"the answer ")
                    .append(i)
                    .append("\"}");
        }
        return "{\"batch_id\": \"" + id + "\", \"adapter\": \"some-layers\", \"examples\": [" + examples + "]}";
    }

    private static String record(String version) {
        return "{\"adapter\": \"qv\", \"boundary\": 2, \"version\": {" + version + "}}";
    }

    private void awaitBoundary(String adapter, int layers) {
        Awaitility.await("boundary " + layers)
                .atMost(Duration.ofSeconds(20))
                .until(() -> request(adapter).path("boundary").asInt() == layers);
    }

    private JsonNode request(String adapter) {
        String id = UUID.randomUUID().toString();
        client.send(
                "generation-requests",
                null,
                "{\"id\": \"" + id + "\", \"model\": \"" + adapter + "\", \"prompt\": \"x\", \"max_tokens\": 1}");
        return client.await("generation-results", id).path("tidemark");
    }
}
