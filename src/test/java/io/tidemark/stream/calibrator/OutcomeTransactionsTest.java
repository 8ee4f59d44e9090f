package io.tidemark.stream.calibrator;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.calibration.rule.Objective;
import io.tidemark.calibration.rule.RuleSettings;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.settings.TidemarkSettings.CalibratorSettings.Mode;
import io.tidemark.stream.settings.TidemarkSettings.Role;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.ReadLimits;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.topics.TopicSetup;
import io.tidemark.stream.topics.TransactionalId;
import io.tidemark.time.Time;
import io.tidemark.topic.TopicReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The transactions of a calibrator, with a broker,")
class OutcomeTransactionsTest {

    private static final TopicLayout TOPICS =
            TopicLayout.of(TestSettings.with(Map.of()).topics());
    private static final CalibratorOptions OPTIONS = new CalibratorOptions(
            TOPICS,
            TransactionalId.ofCalibrator("calibrators", "c"),
            RuleSettings.DEFAULT,
            Objective.parse("balanced"),
            Mode.PUBLISH,
            Duration.ofMinutes(1));
    private static final Map<TopicPartition, OffsetAndMetadata> POSITION =
            Map.of(new TopicPartition(TOPICS.validationBatches(), 0), new OffsetAndMetadata(0));

    @Test
    @DisplayName("publish a pin while the calibrator is a member of its group, and none before and after")
    void removedMember() throws Exception {
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY)) {
            KafkaConnection kafka = new KafkaConnection(Map.of("bootstrap.servers", broker.bootstrapServers()));
            try (Admin admin = kafka.newAdmin()) {
                TopicSetup.ensure(admin, TOPICS, Role.CALIBRATOR, true, Time.system());
                try (Consumer<byte[], byte[]> member = kafka.newGroupMember(
                                "calibrators", "c", new ReadLimits(1, 1 << 20, 1 << 20), "earliest");
                        OutcomeTransactions publisher = new OutcomeTransactions(
                                kafka, OPTIONS.process(), TOPICS, new DecisionRecords(OPTIONS), member)) {
                    assertThatThrownBy(() -> publisher.publishBoundary("qv", "early".getBytes(UTF_8), POSITION))
                            .isInstanceOf(KafkaException.class);
                    member.subscribe(List.of(TOPICS.validationBatches()));
                    Awaitility.await().pollInSameThread().until(() -> {
                        member.poll(Duration.ofMillis(100));
                        return !member.assignment().isEmpty();
                    });
                    publisher.publishBoundary("qv", "first".getBytes(UTF_8), POSITION);
                    admin.removeMembersFromConsumerGroup("calibrators", new RemoveMembersFromConsumerGroupOptions())
                            .all()
                            .get();
                    assertThatThrownBy(() -> publisher.publishBoundary("qv", "second".getBytes(UTF_8), POSITION))
                            .isInstanceOf(KafkaException.class);
                }
                // aborts a transaction that is still open
                admin.fenceProducers(List.of("calibrators-c")).all().get();
            }
            assertThat(boundaries(kafka)).containsExactly("first");
        }
    }

    private static List<String> boundaries(KafkaConnection kafka) {
        List<String> values = new ArrayList<>();
        try (Admin admin = kafka.newAdmin();
                TopicReader<byte[]> reader = new KafkaThread(kafka, Time.system(), Runnable::run)
                        .newTopicReader(TOPICS.boundaries(), IsolationLevel.READ_COMMITTED, 1 << 20)) {
            reader.addFromBeginning(TOPICS.boundaries());
            reader.readToHighWatermark(
                    admin, record -> values.add(new String(record.value(), UTF_8)), Duration.ofSeconds(20));
        }
        return values;
    }
}
