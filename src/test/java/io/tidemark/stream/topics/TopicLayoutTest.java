package io.tidemark.stream.topics;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.TestSettings;
import io.tidemark.stream.settings.TidemarkSettings.Role;
import java.util.Map;
import org.apache.kafka.clients.admin.NewTopic;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The layout of the topics")
class TopicLayoutTest {

    @Test
    @DisplayName("Has all request topics in their order, with the prefix, and creates them")
    void severalRequestTopics() {
        TopicLayout layout = TopicLayout.of(TestSettings.with(Map.of(
                        "tidemark.topics.prefix", "p.", "tidemark.topics.generation-requests", "urgent, normal,bulk"))
                .topics());
        assertThat(layout.requestTopics()).containsExactly("p.urgent", "p.normal", "p.bulk");
        assertThat(layout.requests()).isEqualTo("p.urgent");
        assertThat(layout.newTopics(Role.ALL)).extracting(NewTopic::name).containsAll(layout.requestTopics());
    }
}
