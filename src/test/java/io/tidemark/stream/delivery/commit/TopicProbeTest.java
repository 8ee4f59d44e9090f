package io.tidemark.stream.delivery.commit;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.stream.delivery.Deliveries;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.ReadLimits;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("A probe of a topic")
@Timeout(90)
class TopicProbeTest {

    private static final String TOPIC = "replies";

    @Test
    @DisplayName("Fails while the topic refuses records, succeeds afterwards, and leaves no visible record")
    void probes() throws Exception {
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY)) {
            KafkaConnection kafka = new KafkaConnection(Map.of("bootstrap.servers", broker.bootstrapServers()));
            try (Admin admin = kafka.newAdmin()) {
                admin.createTopics(
                                List.of(new NewTopic(TOPIC, 2, (short) 1).configs(Map.of("max.message.bytes", "50"))))
                        .all()
                        .get();
                TopicProbe probe = new TopicProbe(kafka, Deliveries.PROCESS);
                assertThat(probe.failure(TOPIC, Set.of(1)).orElseThrow()).contains("larger than");
                // the end of the first probe's transaction is refused, too, and must not delay the next probe
                assertThat(probe.failure(TOPIC, Set.of())).isPresent();
                admin.incrementalAlterConfigs(Map.of(
                                new ConfigResource(ConfigResource.Type.TOPIC, TOPIC),
                                List.of(new AlterConfigOp(
                                        new ConfigEntry("max.message.bytes", ""), AlterConfigOp.OpType.DELETE))))
                        .all()
                        .get();
                Awaitility.await().until(() -> probe.failure(TOPIC, Set.of(1)).isEmpty());
                assertThat(probe.failure(TOPIC, Set.of(0, 1))).isEmpty();
                assertThat(probe.failure(TOPIC, Set.of(2)).orElseThrow()).contains("Partition 2");
                assertNothingVisible(kafka);
            }
        }
    }

    private static void assertNothingVisible(KafkaConnection kafka) {
        try (Consumer<byte[], byte[]> reader =
                kafka.newConsumer(new ReadLimits(500, 1 << 20, 1 << 20), Map.of("auto.offset.reset", "earliest"))) {
            TopicPartition partition = new TopicPartition(TOPIC, 1);
            reader.assign(List.of(partition));
            int visible = 0;
            // the records of aborted transactions do not delay readers
            while (reader.position(partition) < 4) {
                visible += reader.poll(Duration.ofMillis(50)).count();
            }
            assertThat(visible).isZero();
        }
    }
}
