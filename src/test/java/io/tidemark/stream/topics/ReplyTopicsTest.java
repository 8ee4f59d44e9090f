package io.tidemark.stream.topics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.settings.TidemarkSettings.Role;
import io.tidemark.time.Time;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ReplyTopicsTest {

    private final TopicLayout layout = TopicLayout.of(
            TestSettings.with(Map.of("tidemark.topics.partitions", "2")).topics());

    private EmbeddedBroker broker;
    private Admin admin;

    @BeforeAll
    void start() throws Exception {
        broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
        admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
        TopicSetup.ensure(admin, layout, Role.ALL, true, Time.system());
        admin.createTopics(List.of(
                        topic("replies", 3, Map.of("max.message.bytes", "5242880")),
                        topic("small", 1, Map.of("max.message.bytes", "5242879")),
                        topic("table", 1, Map.of("max.message.bytes", "5242880", "cleanup.policy", "compact,delete"))))
                .all()
                .get();
        // the broker knows a new topic a moment after it was created
        Awaitility.await()
                .ignoreExceptions()
                .until(() -> admin.describeTopics(List.of("replies", "small", "table"))
                                .allTopicNames()
                                .get()
                                .size()
                        == 3);
    }

    @AfterAll
    void stop() {
        admin.close();
        broker.close();
    }

    @Test
    @DisplayName("The partitions of each reply topic and of the results topic are counted")
    void counted() {
        ReplyTopics topics = ReplyTopics.check(admin, layout, List.of("replies", layout.results()), Time.system());
        assertThat(topics.results()).isEqualTo(layout.results());
        assertThat(topics.partitions("replies")).isEqualTo(OptionalInt.of(3));
        assertThat(topics.partitions(layout.results())).isEqualTo(OptionalInt.of(2));
        assertThat(topics.partitions("small")).isEmpty();
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "small, max.message.bytes 5242879 but needs 5242880",
        "table, 'needs ''delete'''",
        "absent, does not exist",
        "not/a/name, can't be described",
        "adapter-boundaries, takes no results",
        "generation-requests, takes no results"
    })
    @DisplayName("A topic that can't take results stops the start with an error that names it")
    void refused(String topic, String problem) {
        assertThatThrownBy(() -> ReplyTopics.check(admin, layout, List.of("replies", topic), Time.system()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageStartingWith("tidemark.replies.topics: topic '" + topic + "' ")
                .hasMessageContaining(problem);
    }

    private static NewTopic topic(String name, int partitions, Map<String, String> configs) {
        return new NewTopic(name, partitions, (short) 1).configs(configs);
    }
}
