package io.tidemark.stream.topics;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.settings.TidemarkSettings.Role;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.NewTopic;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The topics of the Strimzi component")
class StrimziTopicsTest {

    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
    private static final Path FILE = Path.of("k8s/components/strimzi/topics.yaml");

    /** What Tidemark sets for a topic, or the file. */
    private record Topic(int partitions, int replicas, Map<String, String> configs) {}

    @Test
    @DisplayName(
            "Are those that Tidemark creates on three brokers with the settings of the base: partitions and configuration")
    void sameAsCreated() throws IOException {
        TopicLayout layout = TopicLayout.of(TestSettings.with(Map.of(
                        "tidemark.topics.partitions", baseSetting("TIDEMARK_TOPICS_PARTITIONS"),
                        "tidemark.topics.calibration-partitions", "1",
                        "tidemark.topics.replication-factor", "3"))
                .topics());
        Map<String, Topic> created = new HashMap<>();
        for (NewTopic topic : layout.newTopics(Role.ALL)) {
            Map<String, String> configs = new HashMap<>(topic.configs());
            configs.put(
                    "min.insync.replicas",
                    Integer.toString(TopicSetup.minInsyncReplicas(3, 1).orElseThrow()));
            created.put(topic.name(), new Topic(topic.numPartitions(), topic.replicationFactor(), configs));
        }
        assertThat(declared()).isEqualTo(created);
    }

    private static String baseSetting(String name) throws IOException {
        Properties settings = new Properties();
        try (Reader file = Files.newBufferedReader(Path.of("k8s/base/settings.env"))) {
            settings.load(file);
        }
        return settings.getProperty(name);
    }

    private static Map<String, Topic> declared() throws IOException {
        Map<String, Topic> topics = new HashMap<>();
        try (MappingIterator<JsonNode> documents =
                YAML.readerFor(JsonNode.class).readValues(FILE.toFile())) {
            while (documents.hasNext()) {
                JsonNode document = documents.next();
                JsonNode spec = document.path("spec");
                Map<String, String> configs = new HashMap<>();
                spec.path("config")
                        .fields()
                        .forEachRemaining(each ->
                                configs.put(each.getKey(), each.getValue().asText()));
                topics.put(
                        document.at("/metadata/name").asText(),
                        new Topic(
                                spec.path("partitions").asInt(),
                                spec.path("replicas").asInt(),
                                configs));
            }
        }
        return topics;
    }
}
