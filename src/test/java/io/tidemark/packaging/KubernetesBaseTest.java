package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import io.kubernetes.client.openapi.models.V1ConfigMap;
import io.kubernetes.client.openapi.models.V1Deployment;
import io.kubernetes.client.openapi.models.V1PodDisruptionBudget;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The Kubernetes base")
class KubernetesBaseTest {

    private static final Path BASE = Path.of("k8s/base");
    private static final Set<String> HEALTH = Set.of("/q/health/started", "/q/health/ready", "/q/health/live");
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

    private interface Strict {
        void validate(JsonElement document) throws IOException;
    }

    private static final Map<String, Strict> CORE = Map.of(
            "Deployment", V1Deployment::validateJsonElement,
            "ConfigMap", V1ConfigMap::validateJsonElement,
            "PodDisruptionBudget", V1PodDisruptionBudget::validateJsonElement);

    @Test
    @DisplayName("Contains only valid fields in every core document")
    void parsesStrictly() throws IOException {
        int checked = 0;
        for (Path file : files()) {
            JsonNode document = read(file);
            Strict strict = CORE.get(document.path("kind").asText());
            if (strict != null) {
                strict.validate(JsonParser.parseString(document.toString()));
                checked++;
            }
        }
        assertThat(checked).isEqualTo(4);
    }

    @Test
    @DisplayName("Lists exactly the files beside it in its kustomization")
    void kustomizationIsComplete() throws IOException {
        List<String> listed = new ArrayList<>();
        read(BASE.resolve("kustomization.yaml")).path("resources").forEach(name -> listed.add(name.asText()));
        assertThat(listed)
                .containsExactlyInAnyOrderElementsOf(files().stream()
                        .map(file -> file.getFileName().toString())
                        .toList());
    }

    @Test
    @DisplayName("Sets only environment variables that are settings")
    void variablesAreSettings() throws IOException {
        List<String> names = new ArrayList<>();
        read(BASE.resolve("config-map.yaml")).path("data").fieldNames().forEachRemaining(names::add);
        for (JsonNode container : containers()) {
            container
                    .path("env")
                    .forEach(variable -> names.add(variable.path("name").asText()));
        }
        assertThat(names).contains("TIDEMARK_ROLE", "KAFKA_BOOTSTRAP_SERVERS");
        assertThat(names.stream().filter(name -> name.startsWith("TIDEMARK_")))
                .isSubsetOf(SettingNames.environmentVariables());
    }

    @Test
    @DisplayName("Probes the health checks of Quarkus at the port of the container")
    void probesExist() throws IOException {
        for (JsonNode container : containers()) {
            for (String probe : List.of("startupProbe", "readinessProbe", "livenessProbe")) {
                JsonNode http = container.path(probe).path("httpGet");
                assertThat(HEALTH).contains(http.path("path").asText());
                assertThat(http.path("port").asText())
                        .isEqualTo(container.path("ports").path(0).path("name").asText());
            }
        }
    }

    @Test
    @DisplayName("Has a termination grace period above the shutdown grace of the worker")
    void graceFits() throws IOException {
        String grace = read(BASE.resolve("config-map.yaml"))
                .path("data")
                .path("TIDEMARK_WORKER_SHUTDOWN_GRACE")
                .asText();
        long seconds = Duration.parse("PT" + grace).toSeconds();
        assertThat(read(BASE.resolve("worker.yaml"))
                        .at("/spec/template/spec/terminationGracePeriodSeconds")
                        .asLong())
                .isGreaterThanOrEqualTo(seconds + 10);
    }

    @Test
    @DisplayName("Scales the worker by the lag of its group and topic, counted from the earliest offset")
    void scalesOnTheRightLag() throws IOException {
        JsonNode scaled = read(BASE.resolve("worker-scaled-object.yaml")).path("spec");
        JsonNode kafka = scaled.at("/triggers/0/metadata");
        JsonNode data = read(BASE.resolve("config-map.yaml")).path("data");
        assertThat(scaled.at("/scaleTargetRef/name").asText())
                .isEqualTo(
                        read(BASE.resolve("worker.yaml")).at("/metadata/name").asText());
        assertThat(kafka.path("consumerGroup").asText())
                .isEqualTo(data.path("TIDEMARK_WORKER_GROUP").asText());
        assertThat(kafka.path("bootstrapServers").asText())
                .isEqualTo(data.path("KAFKA_BOOTSTRAP_SERVERS").asText());
        assertThat(kafka.path("topic").asText()).isEqualTo("generation-requests");
        assertThat(kafka.path("offsetResetPolicy").asText()).isEqualTo("earliest");
    }

    private static List<JsonNode> containers() throws IOException {
        List<JsonNode> containers = new ArrayList<>();
        for (Path file : files()) {
            read(file).at("/spec/template/spec/containers").forEach(containers::add);
        }
        assertThat(containers).hasSize(2);
        return containers;
    }

    private static List<Path> files() throws IOException {
        try (Stream<Path> files = Files.list(BASE)) {
            return files.filter(file -> !file.endsWith("kustomization.yaml"))
                    .sorted()
                    .toList();
        }
    }

    private static JsonNode read(Path file) throws IOException {
        return YAML.readTree(file.toFile());
    }
}
