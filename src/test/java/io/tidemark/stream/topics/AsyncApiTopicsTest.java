package io.tidemark.stream.topics;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.schema.AsyncApi;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.settings.TidemarkSettings.Role;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The channels of the AsyncAPI document")
class AsyncApiTopicsTest {

    private record Topic(int partitions, Map<String, String> configs) {}

    @Test
    @DisplayName("Are the topics that Tidemark creates by default: names, partitions and configuration")
    void sameAsCreated() {
        Map<String, Topic> channels = new HashMap<>();
        AsyncApi.current().document().path("channels").forEach(channel -> {
            JsonNode kafka = channel.at("/bindings/kafka");
            Map<String, String> configs = new HashMap<>();
            kafka.path("topicConfiguration")
                    .properties()
                    .forEach(each -> configs.put(each.getKey(), text(each.getValue())));
            channels.put(
                    channel.path("address").asText(),
                    new Topic(kafka.path("partitions").asInt(), configs));
        });
        Map<String, Topic> created = TopicLayout.of(TestSettings.with(Map.of()).topics()).newTopics(Role.ALL).stream()
                .collect(Collectors.toMap(
                        topic -> topic.name(), topic -> new Topic(topic.numPartitions(), topic.configs())));
        assertThat(channels).isEqualTo(created);
    }

    private static String text(JsonNode config) {
        return config.isArray()
                ? StreamSupport.stream(config.spliterator(), false)
                        .map(JsonNode::asText)
                        .collect(Collectors.joining(","))
                : config.asText();
    }
}
