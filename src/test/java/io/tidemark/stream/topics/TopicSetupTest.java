package io.tidemark.stream.topics;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.stream.TestSettings;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("The setup of topics")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TopicSetupTest {

    private EmbeddedBroker broker;
    private Admin admin;

    @BeforeAll
    void start() {
        broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
        admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
    }

    @AfterAll
    void stop() {
        admin.close();
        broker.close();
    }

    @Test
    @DisplayName("Refuses a table with several partitions and names the topic, for boundaries and calibration states")
    void tablesWithSeveralPartitions() throws Exception {
        TopicLayout layout = layout("several-partitions.");
        TopicSetup.ensure(admin, layout);
        addPartitions(Map.of(layout.boundaries(), 3, layout.calibrationState(), 2, layout.validationBatches(), 4));
        assertThatThrownBy(() -> TopicSetup.ensure(admin, layout))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("topic '" + layout.boundaries() + "' has 3 partitions but needs 1")
                .hasMessageContaining("topic '" + layout.calibrationState() + "' has 2 partitions but needs 1")
                .hasMessageNotContaining(layout.validationBatches());
    }

    private void addPartitions(Map<String, Integer> totals) throws Exception {
        admin.createPartitions(totals.entrySet().stream()
                        .collect(Collectors.toMap(
                                Map.Entry::getKey, total -> NewPartitions.increaseTo(total.getValue()))))
                .all()
                .get();
    }

    private static TopicLayout layout(String prefix) {
        return TopicLayout.of(
                TestSettings.with(Map.of("tidemark.topics.prefix", prefix)).topics());
    }
}
