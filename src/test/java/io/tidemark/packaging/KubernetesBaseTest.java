package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The Kubernetes base and its components")
class KubernetesBaseTest {

    private static final Path BASE = Path.of("k8s/base");
    private static final Path KEDA = Path.of("k8s/components/keda");
    private static final Path PROMETHEUS = Path.of("k8s/components/prometheus");
    private static final Set<String> HEALTH = Set.of("/q/health/started", "/q/health/ready", "/q/health/live");
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

    @Test
    @DisplayName("Contains only documents of core kinds, which every cluster has")
    void needsNoDefinition() throws IOException {
        assertThat(files()).hasSize(5);
        for (Path file : files()) {
            assertThat(KubernetesFields.isCore(read(file))).as(file.toString()).isTrue();
        }
    }

    @Test
    @DisplayName("Sets only environment variables that are settings")
    void variablesAreSettings() throws IOException {
        List<String> names = new ArrayList<>();
        names.addAll(settings().keySet());
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
    @DisplayName("Has a termination grace period above the time that a worker needs to end")
    void graceFits() throws IOException {
        long seconds = Duration.parse("PT" + settings().get("TIDEMARK_WORKER_SHUTDOWN_GRACE"))
                .toSeconds();
        assertThat(read(BASE.resolve("worker.yaml"))
                        .at("/spec/template/spec/terminationGracePeriodSeconds")
                        .asLong())
                .as("a worker ends at most 40 s after the grace period")
                .isGreaterThan(seconds + 40);
    }

    @Test
    @DisplayName("Scales the worker by recorded series, and by the lag from 0 to 1; all values come from the settings")
    void scaling() throws IOException {
        JsonNode scaled = read(KEDA.resolve("worker-scaled-object.yaml"));
        assertThat(scaled.at("/spec/scaleTargetRef/name").asText())
                .isEqualTo(
                        read(BASE.resolve("worker.yaml")).at("/metadata/name").asText());
        Set<String> recorded = new HashSet<>();
        read(PROMETHEUS.resolve("rules.yaml")).findValues("record").forEach(name -> recorded.add(name.asText()));
        Map<String, String> replaced = replacedInTriggers();
        List<String> topics =
                List.of(settings().get("TIDEMARK_TOPICS_GENERATION_REQUESTS").split(","));
        int lagTriggers = 0;
        int number = 0;
        for (JsonNode trigger : scaled.at("/spec/triggers")) {
            JsonNode metadata = trigger.path("metadata");
            String path = "spec.triggers." + number++ + ".metadata.";
            assertThat(trigger.path("metricType").asText()).isEqualTo("AverageValue");
            if (trigger.path("type").asText().equals("prometheus")) {
                String query = metadata.path("query").asText();
                assertThat(query).endsWith("{group=\"\"}");
                assertThat(recorded).contains(query.substring(0, query.indexOf('{')));
                assertThat(replaced)
                        .containsEntry(path + "query", "TIDEMARK_WORKER_GROUP")
                        .containsEntry(path + "serverAddress", "PROMETHEUS_ADDRESS");
            } else {
                lagTriggers++;
                assertThat(metadata.path("offsetResetPolicy").asText()).isEqualTo("earliest");
                assertThat(metadata.path("lagThreshold").asLong())
                        .as("more than any lag, so that it never asks for a second worker")
                        .isGreaterThan(100_000_000);
                assertThat(replaced)
                        .containsEntry(path + "topic", "TIDEMARK_TOPICS_GENERATION_REQUESTS")
                        .containsEntry(path + "consumerGroup", "TIDEMARK_WORKER_GROUP")
                        .containsEntry(path + "bootstrapServers", "KAFKA_BOOTSTRAP_SERVERS");
            }
        }
        assertThat(lagTriggers).isEqualTo(topics.size());
        assertThat(replaced).hasSize(2 * 2 + 3 * lagTriggers);
    }

    /** Of each replaced field of the ScaledObject: the key of the ConfigMap that it comes from. */
    private static Map<String, String> replacedInTriggers() throws IOException {
        Map<String, String> replaced = new HashMap<>();
        for (JsonNode replacement : read(KEDA.resolve("kustomization.yaml")).path("replacements")) {
            String key = replacement.at("/source/fieldPath").asText().replaceFirst("^data\\.", "");
            replacement.path("targets").forEach(target -> {
                assertThat(target.at("/select/kind").asText()).isEqualTo("ScaledObject");
                target.path("fieldPaths").forEach(path -> replaced.put(path.asText(), key));
            });
        }
        return replaced;
    }

    private static Map<String, String> settings() throws IOException {
        Map<String, String> settings = new HashMap<>();
        for (String line : Files.readAllLines(BASE.resolve("settings.env"))) {
            if (!line.isBlank() && !line.startsWith("#")) {
                String[] setting = line.split("=", 2);
                settings.put(setting[0], setting[1]);
            }
        }
        return settings;
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
            return files.filter(file -> file.toString().endsWith(".yaml") && !file.endsWith("kustomization.yaml"))
                    .sorted()
                    .toList();
        }
    }

    private static JsonNode read(Path file) throws IOException {
        return YAML.readTree(file.toFile());
    }
}
