package io.tidemark.stream.calibrator;

import static io.tidemark.stream.calibrator.OneThreadCalibrator.PARTITION;
import static io.tidemark.stream.calibrator.OneThreadCalibrator.TOPICS;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.message.BoundaryRecords;
import io.tidemark.stream.topics.ReadLimits;
import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.stream.topics.SimulatedKafka.Transaction;
import io.tidemark.stream.topics.TransactionalId;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** On one thread, with a cluster in memory. */
@DisplayName("A calibrator that finds an overwritten pin")
class RestoredPinsTest {

    private static final byte[] PIN = "{\"adapter\": \"qv\", \"boundary\": 2}".getBytes(UTF_8);

    @AutoClose
    private static final FixtureModel MODEL = FixtureModel.load("llama-gqa");

    @AutoClose
    private final OneThreadCalibrator fixture = new OneThreadCalibrator(MODEL);

    private final SimulatedKafka kafka = fixture.kafka();
    private final CalibratorService calibrator = fixture.newCalibrator();

    private void overwritePin() {
        TopicPartition boundaries = new TopicPartition(TOPICS.boundaries(), 0);
        kafka.append(boundaries, "qv".getBytes(UTF_8), PIN);
        kafka.append(boundaries, "qv".getBytes(UTF_8), BoundaryRecords.calibratedValue("qv"));
    }

    @Test
    @DisplayName("publishes an overwritten pin with the committed offset of its partition, which stays as it is")
    void restoresPins() {
        OffsetAndMetadata before =
                new OffsetAndMetadata(1, Optional.empty(), "{\"version\":1,\"failures\":1,\"running_in\":\"dead\"}");
        fixture.send("done");
        fixture.send("b1");
        kafka.commit(PARTITION, before);
        overwritePin();
        calibrator.turn();
        Transaction restored = kafka.transactions().get(0);
        assertThat(OneThreadCalibrator.topics(restored)).containsExactly(TOPICS.boundaries());
        assertThat(restored.records().get(0).value()).isEqualTo(PIN);
        assertThat(restored.offsets()).containsExactly(Map.entry(PARTITION, before));
        assertThat(fixture.committed()).isEqualTo(2);
    }

    @Test
    @DisplayName("commits the position of the assignment with a restored pin when nothing was committed before")
    void restoresPinsFirst() {
        fixture.send("b1");
        overwritePin();
        calibrator.turn();
        assertThat(kafka.transactions().get(0).offsets())
                .containsExactly(Map.entry(PARTITION, new OffsetAndMetadata(0)));
        assertThat(fixture.committed()).isEqualTo(1);
    }

    @Test
    @DisplayName("publishes no pin without a partition of its own")
    void restoresNoPins() {
        overwritePin();
        kafka.assign();
        calibrator.turn();
        calibrator.turn();
        assertThat(kafka.transactions()).isEmpty();
        kafka.assign(PARTITION);
        calibrator.turn();
        assertThat(kafka.transactions()).hasSize(1);
    }

    @Test
    @DisplayName("does not publish a pin after it has lost the partition whose commit it belongs to")
    void lostBeforeThePin() {
        Consumer<byte[], byte[]> member =
                kafka.newGroupMember("group", "group-a", new ReadLimits(1, 1 << 20, 1 << 20), "earliest");
        try (OutcomeTransactions publisher = new OutcomeTransactions(
                kafka,
                TransactionalId.ofCalibrator("group", "a"),
                TOPICS,
                new DecisionRecords(fixture.options()),
                member)) {
            Map<TopicPartition, OffsetAndMetadata> position = Map.of(PARTITION, new OffsetAndMetadata(0));
            assertThatThrownBy(() -> publisher.publishBoundary("qv", PIN, position))
                    .isInstanceOf(CommitFailedException.class);
        }
        assertThat(kafka.records(TOPICS.boundaries())).isEmpty();
    }
}
