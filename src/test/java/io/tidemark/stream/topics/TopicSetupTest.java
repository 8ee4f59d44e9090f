package io.tidemark.stream.topics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.settings.TidemarkSettings.Role;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("The setup of the topics")
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
    @DisplayName("Creates requests and cancellations with the time of the broker, and has nothing to report")
    void created() throws Exception {
        TopicLayout layout = layout("new.", Map.of("tidemark.topics.generation-requests", "urgent,bulk"));
        assertThat(TopicSetup.differences(admin, layout, Role.ALL, true, Time.system()))
                .isEmpty();
        for (String topic : List.of("new.urgent", "new.bulk", "new.generation-cancellations")) {
            assertThat(config(topic, "message.timestamp.type")).as(topic).isEqualTo("LogAppendTime");
        }
        for (String topic :
                List.of("new.urgent", "new.bulk", "new.generation-cancellations", "new.validation-batches")) {
            assertThat(config(topic, "compression.type")).as(topic).isEqualTo("uncompressed");
        }
        assertThat(config("new.generation-results", "compression.type")).isEqualTo("producer");
        assertThat(config("new.generation-results", "message.timestamp.type")).isEqualTo("CreateTime");
        assertThat(config("new.generation-cancellations", "retention.ms")).isEqualTo("3600000");
        assertThat(config("new.urgent", "min.insync.replicas"))
                .as("one replica")
                .isEqualTo("1");
        assertThat(TopicSetup.differences(admin, layout, Role.ALL, true, Time.system()))
                .isEmpty();
    }

    @Test
    @DisplayName("Creates only the topics that the role uses")
    void ofRole() throws Exception {
        TopicLayout layout = layout("role.", Map.of());
        TopicSetup.ensure(admin, layout, Role.WORKER, true, Time.system());
        assertThat(topics("role."))
                .containsExactlyInAnyOrder(
                        layout.requests(),
                        layout.events(),
                        layout.results(),
                        layout.cancellations(),
                        layout.deadLetters(),
                        layout.boundaries(),
                        layout.adapters(),
                        layout.workerState());
        TopicSetup.ensure(admin, layout, Role.CALIBRATOR, true, Time.system());
        assertThat(topics("role."))
                .hasSize(12)
                .contains(
                        layout.validationBatches(),
                        layout.validationDeadLetters(),
                        layout.calibrationState(),
                        layout.boundaryDecisions());
    }

    @Test
    @DisplayName("Names the missing topics of the role if it must not create them, and accepts existing ones")
    void notCreated() throws Exception {
        TopicLayout layout = layout("fixed.", Map.of());
        create("fixed.validation-batches", Map.of());
        assertThatThrownBy(() -> TopicSetup.ensure(admin, layout, Role.CALIBRATOR, false, Time.system()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("tidemark.topics.create is false")
                .hasMessageContaining("'fixed.adapter-boundaries', 'fixed.adapters', 'fixed.worker-state',"
                        + " 'fixed.validation-dead-letters'")
                .hasMessageNotContaining("'fixed.validation-batches'")
                .hasMessageNotContaining("generation");
        assertThat(topics("fixed.")).containsExactly("fixed.validation-batches");
        TopicSetup.ensure(admin, layout, Role.CALIBRATOR, true, Time.system());
        TopicSetup.ensure(admin, layout, Role.CALIBRATOR, false, Time.system());
    }

    @Test
    @DisplayName("Reports an existing topic with the time of clients, with its name, its value and what to set")
    void otherTimestamps() throws Exception {
        create("old.generation-requests", Map.of("compression.type", "uncompressed"));
        create(
                "old.generation-cancellations",
                Map.of("compression.type", "uncompressed", "message.timestamp.type", "LogAppendTime"));
        assertThat(TopicSetup.differences(admin, layout("old.", Map.of()), Role.ALL, true, Time.system()))
                .singleElement()
                .asString()
                .contains(
                        "topic 'old.generation-requests' has message.timestamp.type 'CreateTime'",
                        "which requests a cancellation ends",
                        "--entity-name old.generation-requests --add-config message.timestamp.type=LogAppendTime");
    }

    @Test
    @DisplayName("Reports existing topics of clients that take compressed batches, and what to set")
    void otherCompression() throws Exception {
        create("compressed.generation-requests", Map.of("message.timestamp.type", "LogAppendTime"));
        create("compressed.validation-batches", Map.of("compression.type", "zstd"));
        create("compressed.generation-results", Map.of("compression.type", "zstd"));
        assertThat(TopicSetup.differences(admin, layout("compressed.", Map.of()), Role.ALL, true, Time.system()))
                .satisfiesExactly(
                        requests -> assertThat(requests)
                                .contains(
                                        "topic 'compressed.generation-requests' has compression.type 'producer'",
                                        "one compressed record of a client can exhaust the heap",
                                        "--entity-name compressed.generation-requests"
                                                + " --add-config compression.type=uncompressed"),
                        batches -> assertThat(batches)
                                .contains("topic 'compressed.validation-batches' has compression.type 'zstd'"));
    }

    @Test
    @DisplayName("Creates topics of clients whose brokers refuse a record that is small only while it is compressed")
    void inflatedRecord() {
        TopicLayout layout = layout("inflated.", Map.of());
        TopicSetup.ensure(admin, layout, Role.ALL, true, Time.system());
        KafkaConnection kafka = new KafkaConnection(Map.of("bootstrap.servers", broker.bootstrapServers()));
        int bytes = 64 << 20;
        try (KafkaProducer<byte[], byte[]> producer = kafka.newProducer(
                Map.of("compression.type", "zstd", "max.request.size", 2 * bytes, "buffer.memory", 4L * bytes))) {
            for (String topic : List.of(layout.requests(), layout.cancellations(), layout.validationBatches())) {
                assertThat(producer.send(new ProducerRecord<>(topic, new byte[bytes])))
                        .as(topic)
                        .failsWithin(Duration.ofSeconds(60))
                        .withThrowableOfType(ExecutionException.class)
                        .withCauseInstanceOf(RecordTooLargeException.class);
                assertThat(producer.send(new ProducerRecord<>(topic, new byte[1 << 19])))
                        .as("a record below the limit")
                        .succeedsWithin(Duration.ofSeconds(60));
            }
        }
    }

    @Test
    @DisplayName("Refuses an existing topic with another cleanup policy")
    void otherPolicy() throws Exception {
        create("bad.adapter-boundaries", Map.of("cleanup.policy", "delete"));
        assertThatThrownBy(() -> TopicSetup.ensure(admin, layout("bad.", Map.of()), Role.ALL, true, Time.system()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("topic 'bad.adapter-boundaries' has cleanup.policy 'delete' but needs 'compact'");
    }

    @Test
    @DisplayName("Refuses a table with several partitions and names the topic, for boundaries and calibration states")
    void tablesWithSeveralPartitions() throws Exception {
        TopicLayout layout = layout("several-partitions.", Map.of());
        TopicSetup.ensure(admin, layout, Role.ALL, true, Time.system());
        addPartitions(Map.of(layout.boundaries(), 3, layout.calibrationState(), 2, layout.validationBatches(), 4));
        assertThatThrownBy(() -> TopicSetup.ensure(admin, layout, Role.ALL, true, Time.system()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("topic '" + layout.boundaries() + "' has 3 partitions but needs 1")
                .hasMessageContaining("topic '" + layout.calibrationState() + "' has 2 partitions but needs 1")
                .hasMessageNotContaining(layout.validationBatches());
    }

    @Test
    @DisplayName("Requires two in-sync replicas of three or more, and keeps a higher value of the broker")
    void minInsyncReplicas() {
        assertThat(TopicSetup.minInsyncReplicas(3, 1)).isEqualTo(OptionalInt.of(2));
        assertThat(TopicSetup.minInsyncReplicas(5, 1)).isEqualTo(OptionalInt.of(2));
        assertThat(TopicSetup.minInsyncReplicas(2, 1))
                .as("a lost broker would stop writes")
                .isEmpty();
        assertThat(TopicSetup.minInsyncReplicas(1, 1)).isEmpty();
        assertThat(TopicSetup.minInsyncReplicas(3, 2)).isEmpty();
        assertThat(TopicSetup.minInsyncReplicas(5, 3)).isEmpty();
    }

    private List<String> topics(String prefix) throws Exception {
        return admin.listTopics().names().get().stream()
                .filter(name -> name.startsWith(prefix))
                .toList();
    }

    private void addPartitions(Map<String, Integer> totals) throws Exception {
        admin.createPartitions(totals.entrySet().stream()
                        .collect(Collectors.toMap(
                                Map.Entry::getKey, total -> NewPartitions.increaseTo(total.getValue()))))
                .all()
                .get();
        // the controller answers before the broker has the metadata
        Awaitility.await()
                .until(() -> admin.describeTopics(totals.keySet()).allTopicNames().get().values().stream()
                        .allMatch(topic -> topic.partitions().size() == totals.get(topic.name())));
    }

    private static TopicLayout layout(String prefix, Map<String, String> settings) {
        Map<String, String> all = new HashMap<>(settings);
        all.put("tidemark.topics.prefix", prefix);
        return TopicLayout.of(TestSettings.with(all).topics());
    }

    private void create(String topic, Map<String, String> configs) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1).configs(configs)))
                .all()
                .get();
    }

    private String config(String topic, String name) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        Map<ConfigResource, Config> configs =
                admin.describeConfigs(List.of(resource)).all().get();
        return configs.get(resource).get(name).value();
    }
}
