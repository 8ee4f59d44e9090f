package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.ReadLimits;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.errors.InconsistentGroupProtocolException;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A calibrator beside one of an earlier release")
class CalibratorUpgradeTest {

    private static final ReadLimits READS = new ReadLimits(1, 1 << 20, 1 << 20);
    private static final Duration POLL = Duration.ofMillis(100);

    @Test
    @DisplayName("Says that it must be stopped, reads no batch, and counts the batch when it has left the group")
    void refuses() throws Exception {
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
                CalibratedModel model = new CalibratedModel();
                RunningCalibrator calibrator = new RunningCalibrator(broker, model)) {
            calibrator.stop();
            KafkaConnection kafka = new KafkaConnection(Map.of("bootstrap.servers", broker.bootstrapServers()));
            try (Consumer<byte[], byte[]> older = older(kafka, calibrator)) {
                Awaitility.await().pollInSameThread().until(() -> {
                    older.poll(POLL);
                    return !older.assignment().isEmpty();
                });
                calibrator.send("b1", 0, 0, 6);
                calibrator.start();
                Awaitility.await().pollInSameThread().untilAsserted(() -> {
                    older.poll(POLL);
                    assertThat(calibrator.disruption())
                            .get()
                            .asString()
                            .contains("earlier release", calibrator.group());
                });
                assertThat(calibrator.states()).isEmpty();
            }
            calibrator.awaitExamples(6);
            Awaitility.await().until(() -> calibrator.disruption().isEmpty());
            try (Consumer<byte[], byte[]> older = older(kafka, calibrator)) {
                Awaitility.await().pollInSameThread().until(() -> isRefused(older));
            }
            calibrator.send("b2", 0, 6, 8);
            calibrator.awaitExamples(8);
        }
    }

    /** What an earlier release does to join the group. */
    private static Consumer<byte[], byte[]> older(KafkaConnection kafka, RunningCalibrator calibrator) {
        Consumer<byte[], byte[]> older = kafka.newGroupMember(calibrator.group(), "older", READS, "earliest");
        older.subscribe(List.of(calibrator.batches()));
        return older;
    }

    private static boolean isRefused(Consumer<byte[], byte[]> older) {
        try {
            older.poll(POLL);
            return false;
        } catch (InconsistentGroupProtocolException e) {
            return true;
        }
    }
}
