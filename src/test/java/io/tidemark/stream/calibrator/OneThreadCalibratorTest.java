package io.tidemark.stream.calibrator;

import static io.tidemark.stream.calibrator.OneThreadCalibrator.PARTITION;
import static io.tidemark.stream.calibrator.OneThreadCalibrator.TOPICS;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.TopicClient;
import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.stream.topics.SimulatedKafka.Transaction;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.time.VirtualTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Transactions, repeated batches, and the partitions of a calibrator. */
@DisplayName("A calibrator on one thread, with virtual time and a cluster in memory,")
class OneThreadCalibratorTest {

    private static final TopicPartition STATES = new TopicPartition(TOPICS.calibrationState(), 0);

    @AutoClose
    private static final FixtureModel MODEL = FixtureModel.load("llama-gqa");

    @AutoClose
    private final OneThreadCalibrator fixture = new OneThreadCalibrator(MODEL);

    private final SimulatedKafka kafka = fixture.kafka();
    private final VirtualTime time = fixture.time();
    private final Instant start = fixture.time().instant();
    private CalibratorService calibrator = fixture.newCalibrator();

    @Test
    @DisplayName("marks a batch as running, claims it, and commits state, decision and offset in one transaction")
    void oneTransaction() {
        fixture.send("b1");
        fixture.script(fixture.lasting(Duration.ofSeconds(3)));
        calibrator.turn();
        List<Transaction> transactions = kafka.transactions();
        assertThat(transactions).hasSize(3);
        assertThat(OneThreadCalibrator.topics(transactions.get(0)))
                .as("running")
                .isEmpty();
        assertThat(OneThreadCalibrator.topics(transactions.get(1)))
                .as("claim")
                .containsExactly(TOPICS.calibrationState());
        assertThat(OneThreadCalibrator.topics(transactions.get(2)))
                .as("outcome")
                .containsExactly(TOPICS.calibrationState(), TOPICS.boundaryDecisions());
        for (Transaction before : transactions.subList(0, 2)) {
            OffsetAndMetadata offset = before.offsets().get(PARTITION);
            assertThat(offset.offset()).isZero();
            assertThat(TopicClient.json(offset.metadata().getBytes(UTF_8))
                            .path("running_in")
                            .isTextual())
                    .isTrue();
        }
        assertThat(transactions.get(2).offsets()).containsExactly(Map.entry(PARTITION, new OffsetAndMetadata(1)));
        JsonNode decision =
                TopicClient.json(transactions.get(2).records().get(1).value());
        assertThat(decision.path("epoch").path("examples").asInt()).isEqualTo(2);
        assertThat(decision.path("boundary").asInt()).isEqualTo(fixture.boundaries() - 1);
        assertThat(decision.path("evidence"))
                .isEqualTo(
                        TopicClient.json(("{\"batch_id\": \"b1\", \"topic\": \"validation-batches\", \"partition\": 0,"
                                        + " \"offset\": 0}")
                                .getBytes(UTF_8)));
        assertThat(fixture.reported()).containsExactly("all in 3.0 s");
    }

    @Test
    @DisplayName("counts a batch that is sent again once, and says so in a dead letter")
    void repeated() {
        fixture.send("b1");
        fixture.send("b1");
        calibrator.turn();
        calibrator.turn();
        assertThat(fixture.committed()).isEqualTo(2);
        assertThat(fixture.sweeps()).isEqualTo(1);
        assertThat(fixture.lastState().path("counted_batches")).hasSize(1);
        assertThat(fixture.reported()).containsExactly("all in 0.0 s", "duplicate_batch");
        assertThat(kafka.records(TOPICS.validationDeadLetters())).hasSize(1);
    }

    @Test
    @DisplayName("refuses a batch with other examples whose id was counted, and counts it when it has another id")
    void conflict() {
        fixture.send("b1", "of another sender");
        fixture.send("b1", "b");
        fixture.send("b2", "b");
        for (int turn = 0; turn < 3; turn++) {
            calibrator.turn();
        }
        assertThat(fixture.reported()).containsExactly("all in 0.0 s", "batch_id_conflict", "all in 0.0 s");
        assertThat(fixture.lastState().path("counted_batches")).hasSize(2);
        assertThat(fixture.committed()).isEqualTo(3);
    }

    @Test
    @DisplayName("refuses a batch whose id another partition has claimed with other examples")
    void conflictingClaim() {
        fixture.send("b1");
        calibrator.turn();
        ObjectNode other = (ObjectNode) fixture.lastState();
        other.put("input_partition", 1);
        other.putArray("counted_batches");
        other.putObject("claim")
                .put(
                        "batch",
                        fixture.lastState()
                                .path("counted_batches")
                                .get(0)
                                .asText()
                                .split("\\.")[0])
                .put("offset", 0)
                .put("content", "another1");
        other.remove("counted_contents");
        String ownKey = new String(fixture.lastStateRecord().key(), UTF_8);
        kafka.append(STATES, fixture.lastStateRecord().key(), null);
        kafka.append(
                STATES,
                ownKey.replace("/0/", "/1/").getBytes(UTF_8),
                other.toString().getBytes(UTF_8));
        fixture.send("b1");
        calibrator.turn();
        assertThat(fixture.reported()).containsExactly("all in 0.0 s", "batch_id_conflict");
        assertThat(fixture.sweeps()).isEqualTo(1);
    }

    @Test
    @DisplayName("refuses a batch on a topic to which the adapter does not belong, and names the adapter's topic")
    void otherTopic() {
        calibrator = fixture.newCalibrator(TopicLayout.of(
                TestSettings.with(Map.of("tidemark.topics.validation-batches", "validation-batches=team-a-,team-b=al"))
                        .topics()));
        fixture.send("b1");
        calibrator.turn();
        assertThat(fixture.reported()).containsExactly("adapter_not_allowed");
        assertThat(fixture.sweeps()).isZero();
        assertThat(fixture.committed()).isEqualTo(1);
        ProducerRecord<byte[], byte[]> letter =
                kafka.transactions().get(1).records().get(0);
        assertThat(new String(
                        letter.headers().lastHeader("tidemark.error.message").value(), UTF_8))
                .isEqualTo("batches of adapter 'all' are not accepted on topic 'validation-batches'; send them to"
                        + " 'team-b'");
    }

    @Test
    @DisplayName("polls its consumer every 200 ms while a sweep runs, and reads no batch with it")
    void heartbeat() {
        fixture.send("b1");
        fixture.send("b2");
        List<Instant> beats = new ArrayList<>();
        fixture.script(heartbeat -> {
            int before = kafka.member().polls().size();
            fixture.lasting(Duration.ofMinutes(10)).run(heartbeat);
            List<Instant> polls = kafka.member().polls();
            beats.addAll(polls.subList(before, polls.size()));
        });
        calibrator.turn();
        assertThat(beats)
                .isEqualTo(IntStream.range(0, 5 * 600)
                        .mapToObj(beat -> start.plusMillis(200L * beat))
                        .toList());
        assertThat(fixture.committed()).isEqualTo(1);
        assertThat(kafka.member().paused()).isEmpty();
    }

    @Test
    @DisplayName(
            "abandons a sweep when its partition is revoked, adds no failure, and scores the batch when it is back")
    void revoked() {
        fixture.send("b1");
        time.schedule(Duration.ofSeconds(2), kafka::assign);
        fixture.script(fixture.lasting(Duration.ofMinutes(1)));
        calibrator.turn();
        assertThat(time.instant()).isEqualTo(start.plusSeconds(2));
        assertThat(fixture.committed()).isZero();
        assertThat(fixture.attempts().path("failures").asInt()).isZero();
        assertThat(fixture.attempts().has("running_in")).isFalse();
        assertThat(fixture.reported()).isEmpty();

        calibrator.turn();
        assertThat(fixture.sweeps()).isEqualTo(1);
        kafka.assign(PARTITION);
        calibrator.turn();
        assertThat(fixture.sweeps()).isEqualTo(2);
        assertThat(fixture.committed()).isEqualTo(1);
        assertThat(fixture.lastState().path("counted_batches")).hasSize(1);
        assertThat(calibrator.disruption()).isEmpty();
    }

    @Test
    @DisplayName("commits nothing for a batch after it has lost the partition")
    void lost() {
        fixture.send("b1");
        time.schedule(Duration.ofSeconds(2), () -> kafka.lose(PARTITION));
        fixture.script(fixture.lasting(Duration.ofMinutes(1)));
        calibrator.turn();
        assertThat(kafka.transactions()).hasSize(2);
        assertThat(fixture.committed()).isZero();
        assertThat(fixture.attempts().path("running_in").isTextual()).isTrue();
        assertThat(fixture.reported()).isEmpty();
        assertThat(calibrator.disruption()).isEmpty();
    }

    @Test
    @DisplayName("abandons a sweep when it is stopped, releases the batch and closes its clients")
    void stopped() {
        fixture.send("b1");
        time.schedule(Duration.ofSeconds(2), calibrator::stop);
        fixture.script(fixture.lasting(Duration.ofMinutes(1)));
        calibrator.run();
        assertThat(calibrator.isAlive()).isFalse();
        assertThat(calibrator.failure().toCompletableFuture()).isNotDone();
        assertThat(kafka.openClients()).isZero();
        assertThat(fixture.committed()).isZero();
        assertThat(fixture.attempts().path("failures").asInt()).isZero();
        assertThat(fixture.attempts().has("running_in")).isFalse();
    }
}
