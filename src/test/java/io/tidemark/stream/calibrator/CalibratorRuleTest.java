package io.tidemark.stream.calibrator;

import static io.tidemark.stream.calibrator.OneThreadCalibrator.PARTITION;
import static io.tidemark.stream.calibrator.OneThreadCalibrator.SECOND;
import static io.tidemark.stream.calibrator.OneThreadCalibrator.SETTINGS;
import static io.tidemark.stream.calibrator.OneThreadCalibrator.TOPICS;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.calibration.rule.Candidates;
import io.tidemark.calibration.rule.RuleDecision;
import io.tidemark.calibration.rule.RuleSettings;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.BoundaryRecords;
import io.tidemark.message.CountedBatchHeaders;
import io.tidemark.message.Provenance.Source;
import io.tidemark.stream.TopicClient;
import io.tidemark.stream.settings.TidemarkSettings.CalibratorSettings.Mode;
import io.tidemark.stream.topics.SimulatedKafka;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** On one thread, with a cluster in memory. Objective latency: the smallest certified boundary. */
@DisplayName("A calibrator with the rule")
class CalibratorRuleTest {

    private static final TopicPartition STATES = new TopicPartition(TOPICS.calibrationState(), 0);
    private static final TopicPartition BOUNDARIES = new TopicPartition(TOPICS.boundaries(), 0);

    @AutoClose
    private static final FixtureModel MODEL = FixtureModel.load("llama-gqa");

    @AutoClose
    private final OneThreadCalibrator fixture = new OneThreadCalibrator(MODEL);

    private final SimulatedKafka kafka = fixture.kafka();
    private final int full = fixture.boundaries() - 1;
    private CalibratorService calibrator = fixture.newCalibrator();
    private int sent;

    /** Boundaries of 2 and above are as good as full LoRA; the others lose more than the cap. */
    private void twoIsGood() {
        fixture.differences(boundary -> boundary < 2 ? -1 : 0);
    }

    private void batches(int count) {
        for (int i = 0; i < count; i++) {
            fixture.send("batch" + sent++);
            calibrator.turn();
        }
    }

    /** Two batches of two examples certify boundary 2. */
    private void moveToTwo() {
        twoIsGood();
        batches(2);
        assertThat(boundaries()).hasSize(1);
    }

    private List<JsonNode> boundaries() {
        return values(TOPICS.boundaries());
    }

    private List<JsonNode> decisions() {
        return values(TOPICS.boundaryDecisions());
    }

    private List<JsonNode> values(String topic) {
        return kafka.records(topic).stream()
                .map(ConsumerRecord::value)
                .map(TopicClient::json)
                .toList();
    }

    private static <T> T last(List<T> list) {
        return list.get(list.size() - 1);
    }

    private JsonNode epoch() {
        return fixture.lastState().path("epoch");
    }

    @Test
    @DisplayName("moves to a certified boundary, and says what certified it in the record and in the decision")
    void moves() {
        twoIsGood();
        batches(1);
        assertThat(boundaries()).isEmpty();
        batches(1);
        JsonNode boundary = last(boundaries());
        assertThat(boundary.path("boundary").asInt()).isEqualTo(2);
        assertThat(boundary.path("decision").path("previous_boundary").asInt()).isEqualTo(full);
        assertThat(boundary.path("decision").path("boundary_before_move").asInt())
                .isEqualTo(full);
        assertThat(boundary.path("reason").asText()).isEqualTo("preferred");
        assertThat(boundary.path("decision").path("samples").asInt()).isEqualTo(4);
        assertThat(boundary.path("decision").path("examples_at_move").asInt()).isEqualTo(4);
        assertThat(boundary.path("decision").path("epoch").asInt()).isEqualTo(1);
        assertThat(boundary.path("decision").path("move").asInt()).isEqualTo(1);
        assertThat(boundary.path("decision").path("log_e").asDouble())
                .isGreaterThan(boundary.path("decision")
                        .path("certification")
                        .path("threshold")
                        .asDouble());
        assertThat(boundary.path("decision").path("scores")).hasSize(full + 1);
        assertThat(boundary.path("decision").path("compute_type").asText()).isNotEmpty();
        JsonNode decision = last(decisions());
        assertThat(decision.path("boundary").asInt()).isEqualTo(2);
        assertThat(decision.path("before").asInt()).isEqualTo(full);
        assertThat(decision.path("published").asBoolean()).isTrue();
        assertThat(decision.path("evidence"))
                .isEqualTo(boundary.path("decision").path("evidence"));
        BoundaryDecisionRecord read = BoundaryDecisionRecord.parse(
                "all", last(kafka.records(TOPICS.boundaryDecisions())).value());
        assertThat(read.boundaries()).filteredOn(row -> !row.certified()).hasSize(2);
        assertThat(read.boundaries().get(0).difference()).isEqualTo(-1);
        assertThat(read.boundaries().get(0).capped()).hasValue(-0.5);
        assertThat(read.boundaries().get(2).capped()).hasValue(0);
        assertThat(read.boundaries().get(full).capped()).isEmpty();
        assertThat(epoch().path("watch").path("move").asInt()).isEqualTo(1);
    }

    @Test
    @DisplayName("writes no boundary record while the boundary stays, and at most one decision a minute")
    void unchanged() {
        moveToTwo();
        batches(3);
        assertThat(boundaries()).hasSize(1);
        assertThat(decisions()).hasSize(2);
        fixture.time().sleep(Duration.ofMinutes(1));
        batches(2);
        assertThat(boundaries()).hasSize(1);
        assertThat(decisions()).hasSize(3);
        assertThat(last(decisions()).path("epoch").path("examples").asInt()).isEqualTo(12);
        assertThat(fixture.decisions()).hasSize(7);
    }

    @Test
    @DisplayName("records all decisions if the interval of decisions is 0")
    void allDecisions() {
        calibrator = fixture.newRecordingCalibrator();
        moveToTwo();
        batches(3);
        assertThat(boundaries()).hasSize(1);
        assertThat(decisions())
                .extracting(decision -> decision.path("epoch").path("examples").asInt())
                .containsExactly(2, 4, 6, 8, 10);
    }

    @Test
    @DisplayName("scores no example again that an epoch has counted, also within a batch")
    void repeats() {
        fixture.send(PARTITION, "b1", List.of("x", "y", "x"), "z");
        calibrator.turn();
        assertThat(fixture.lastExamples()).isEqualTo(2);
        fixture.send(PARTITION, "b2", List.of("y", "v"), "z");
        calibrator.turn();
        assertThat(fixture.lastExamples()).isEqualTo(1);
        fixture.send(PARTITION, "b3", List.of("x", "v"), "z");
        calibrator.turn();
        assertThat(fixture.sweeps()).isEqualTo(2);
        assertThat(epoch().path("statistics").path("count").asInt()).isEqualTo(3);
        assertThat(epoch().path("batches").asInt()).isEqualTo(2);
        assertThat(fixture.lastState().path("counted_batches")).hasSize(3);
        assertThat(fixture.committed()).isEqualTo(3);
        assertThat(fixture.reported()).hasSize(3);
    }

    @Test
    @DisplayName("tells in the headers of the state of a batch how many examples were repeats, and not in its claim")
    void repeatsInHeaders() {
        fixture.send(PARTITION, "b1", List.of("x", "y"), "z");
        fixture.send(PARTITION, "b2", List.of("y", "v", "v", "x"), "z");
        fixture.send(PARTITION, "b3", List.of("x", "v"), "z");
        for (int turn = 0; turn < 3; turn++) {
            calibrator.turn();
        }
        assertThat(kafka.transactions().stream()
                        .flatMap(transaction -> transaction.records().stream())
                        .filter(record -> record.topic().equals(TOPICS.calibrationState())))
                .extracting(CalibratorRuleTest::counted)
                .containsExactly("claim", "offset 0: 0", "claim", "offset 1: 3", "claim", "offset 2: 2");
    }

    /** What the headers of a state tell. */
    private static String counted(ProducerRecord<byte[], byte[]> state) {
        Map<String, String> headers = new HashMap<>();
        state.headers().forEach(header -> headers.put(header.key(), new String(header.value(), UTF_8)));
        return CountedBatchHeaders.parse(headers)
                .map(counted -> {
                    Source source = counted.source();
                    assertThat(new TopicPartition(source.topic(), source.partition()))
                            .isEqualTo(PARTITION);
                    return "offset " + source.offset() + ": "
                            + counted.uncounted().repeats();
                })
                .orElse(headers.isEmpty() ? "claim" : headers.toString());
    }

    @Test
    @DisplayName("withdraws a boundary that has become harmful at once, publishes full LoRA, and moves again later")
    void withdraws() {
        moveToTwo();
        fixture.differences(boundary -> -0.5);
        int before = sent;
        while (boundaries().size() == 1 && sent < before + 50) {
            batches(1);
        }
        JsonNode withdrawal = last(boundaries());
        assertThat(withdrawal.path("boundary").asInt()).isEqualTo(full);
        assertThat(withdrawal.path("reason").asText()).isEqualTo("alarm");
        assertThat(withdrawal.path("decision").path("previous_boundary").asInt())
                .isEqualTo(2);
        assertThat(withdrawal.path("decision").path("boundary_before_move").asInt())
                .isEqualTo(full);
        assertThat(withdrawal.path("decision").path("epoch").asInt()).isEqualTo(2);
        assertThat(withdrawal.path("decision").path("move").asInt()).isEqualTo(1);
        JsonNode decision = last(decisions());
        assertThat(decision.path("epoch").path("end").asText()).isEqualTo("alarm");
        assertThat(decision.path("watch").path("value").asDouble())
                .isGreaterThanOrEqualTo(decision.path("watch").path("threshold").asDouble());
        assertThat(epoch().path("epoch").asInt()).isEqualTo(2);
        assertThat(epoch().path("statistics").path("count").asInt()).isZero();

        twoIsGood();
        before = sent;
        while (boundaries().size() == 2 && sent < before + 50) {
            batches(1);
        }
        assertThat(last(boundaries()).path("boundary").asInt()).isEqualTo(2);
        assertThat(last(boundaries()).path("decision").path("move").asInt()).isEqualTo(2);
        assertThat(last(boundaries()).path("decision").path("epoch").asInt()).isEqualTo(2);
    }

    @Test
    @DisplayName("counts examples of all partitions together, and batches of a partition in the epoch of their commit")
    void partitions() {
        kafka.assign(PARTITION, SECOND);
        twoIsGood();
        fixture.send(PARTITION, "p0", 2, "z");
        calibrator.turn();
        fixture.send(SECOND, "p1", 2, "z");
        calibrator.turn();
        assertThat(last(boundaries()).path("boundary").asInt()).isEqualTo(2);
        assertThat(last(boundaries()).path("decision").path("samples").asInt()).isEqualTo(4);
        assertThat(last(boundaries())
                        .path("decision")
                        .path("evidence")
                        .path("partition")
                        .asInt())
                .isEqualTo(1);
        // an example of the other partition is a repeat
        fixture.send(SECOND, "again", List.of("p0.0", "new"), "z");
        calibrator.turn();
        assertThat(fixture.lastExamples()).isEqualTo(1);
    }

    @Test
    @DisplayName("counts a batch in the epoch that another calibrator has begun during its sweep")
    void epochBegunMeanwhile() {
        moveToTwo();
        String key = new String(fixture.lastStateRecord().key(), UTF_8).replace("/0/", "/1/");
        ObjectNode other = (ObjectNode) fixture.lastState();
        other.put("input_partition", 1);
        other.putArray("counted_batches");
        ObjectNode epoch = (ObjectNode) other.get("epoch");
        epoch.put("epoch", 2);
        fixture.script(heartbeat ->
                kafka.append(STATES, key.getBytes(UTF_8), other.toString().getBytes(UTF_8)));
        batches(1);
        assertThat(fixture.sweeps()).isEqualTo(3);
        assertThat(epoch().path("epoch").asInt()).isEqualTo(2);
        assertThat(epoch().path("statistics").path("count").asInt()).isEqualTo(2);
        assertThat(last(fixture.decisions()).evidence().examples()).isEqualTo(6);
    }

    @Test
    @DisplayName("scores a batch again that another calibrator's epoch needs at another boundary")
    void otherSetMeanwhile() {
        calibrator = fixture.newCalibrator(with(SETTINGS, Optional.of(Candidates.of(List.of(2)))), Mode.PUBLISH);
        moveToTwo();
        assertThat(fixture.lastBoundaries()).containsExactly(0, 2, full);
        String key = new String(fixture.lastStateRecord().key(), UTF_8).replace("/0/", "/1/");
        ObjectNode other = (ObjectNode) fixture.lastState();
        other.put("input_partition", 1);
        ObjectNode epoch = (ObjectNode) other.get("epoch");
        epoch.put("epoch", 2).put("kept", 4).put("batches", 0);
        epoch.putObject("statistics").put("count", 0);
        ObjectNode empty = (ObjectNode) epoch.get("statistics");
        empty.putArray("means").add(0).add(0).add(0).add(0);
        for (int i = 0; i < 10; i++) {
            empty.withArray("comoments").add(0);
        }
        epoch.putArray("sums");
        for (int i = 0; i < 15; i++) {
            epoch.withArray("sums").add(0);
        }
        epoch.putArray("capped").add(0).add(0).add(0);
        fixture.script(heartbeat -> {
            if (fixture.sweeps() == 3) {
                kafka.append(STATES, key.getBytes(UTF_8), other.toString().getBytes(UTF_8));
            }
        });
        batches(1);
        assertThat(fixture.sweeps()).isEqualTo(4);
        assertThat(fixture.lastBoundaries()).containsExactly(0, 2, 4, full);
        assertThat(epoch().path("kept").asInt()).isEqualTo(4);
        assertThat(epoch().path("statistics").path("count").asInt()).isEqualTo(2);
        assertThat(fixture.committed()).isEqualTo(3);
    }

    /** The state of the first batch, moved to another partition, where the calibrator sees it after its next commit. */
    private void otherPartitionAfterNextOutcome(Runnable andThen) {
        String key = new String(fixture.lastStateRecord().key(), UTF_8).replace("/0/", "/1/");
        ObjectNode other = (ObjectNode) fixture.lastState();
        assertThat(other.path("epoch").path("statistics").path("count").asInt()).isEqualTo(2);
        other.put("input_partition", 1);
        other.putArray("counted_batches");
        byte[] otherState = other.toString().getBytes(UTF_8);
        kafka.append(STATES, fixture.lastStateRecord().key(), null);
        fixture.afterNextOutcome(() -> {
            kafka.append(STATES, key.getBytes(UTF_8), otherState);
            andThen.run();
        });
    }

    @Test
    @DisplayName("decides once more after its commit with what another calibrator has committed meanwhile")
    void decidesAgain() {
        twoIsGood();
        batches(1);
        otherPartitionAfterNextOutcome(() -> {});
        batches(1);
        assertThat(boundaries()).hasSize(1);
        assertThat(last(boundaries()).path("boundary").asInt()).isEqualTo(2);
        assertThat(last(boundaries()).path("decision").path("samples").asInt()).isEqualTo(4);
        assertThat(fixture.committed()).isEqualTo(2);
        assertThat(epoch().path("watch").path("move").asInt()).isEqualTo(1);
        assertThat(fixture.decisions().stream().map(RuleDecision::reason))
                .containsExactly(RuleDecision.Reason.CHOSEN, RuleDecision.Reason.CHOSEN, RuleDecision.Reason.PREFERRED);
    }

    @Test
    @DisplayName("does not read a batch again whose second decision is too large for its topic")
    void secondDecisionTooLarge() {
        twoIsGood();
        batches(1);
        otherPartitionAfterNextOutcome(() -> kafka.failNextCommit(new RecordTooLargeException("planted")));
        batches(1);
        assertThat(calibrator.disruption()).contains("planted");
        assertThat(boundaries()).isEmpty();
        assertThat(fixture.committed()).isEqualTo(2);
        batches(1);
        assertThat(kafka.records(TOPICS.validationDeadLetters())).isEmpty();
        assertThat(fixture.committed()).isEqualTo(3);
        assertThat(last(boundaries()).path("boundary").asInt()).isEqualTo(2);
        assertThat(last(boundaries()).path("decision").path("samples").asInt()).isEqualTo(6);
    }

    @Test
    @DisplayName("does not read a batch again, and has reported it, if a pin behind it is too large for its topic")
    void pinTooLarge() {
        twoIsGood();
        batches(1);
        fixture.time().sleep(Duration.ofSeconds(50));
        fixture.afterNextOutcome(() -> {
            kafka.append(BOUNDARIES, "qv".getBytes(UTF_8), "{\"adapter\": \"qv\", \"boundary\": 2}".getBytes(UTF_8));
            kafka.append(BOUNDARIES, "qv".getBytes(UTF_8), BoundaryRecords.calibratedValue("qv"));
            kafka.failNextCommit(new RecordTooLargeException("planted"));
        });
        batches(1);
        assertThat(calibrator.disruption()).contains("planted");
        assertThat(fixture.committed()).isEqualTo(2);
        assertThat(fixture.reported()).hasSize(2);
        assertThat(last(fixture.decisions()).reason()).isEqualTo(RuleDecision.Reason.PREFERRED);
        int recorded = decisions().size();
        fixture.time().sleep(Duration.ofSeconds(20));
        batches(1);
        assertThat(last(boundaries()).has("writer"))
                .as("the record of the operator")
                .isFalse();
        assertThat(decisions())
                .as("the move was recorded less than a minute ago")
                .hasSize(recorded);
        assertThat(kafka.records(TOPICS.validationDeadLetters())).isEmpty();
        assertThat(fixture.committed()).isEqualTo(3);
    }

    @Test
    @DisplayName("keeps a pinned boundary, and records that it is pinned")
    void pinned() {
        kafka.append(BOUNDARIES, "all".getBytes(UTF_8), "{\"adapter\": \"all\", \"boundary\": 4}".getBytes(UTF_8));
        twoIsGood();
        batches(4);
        assertThat(boundaries()).hasSize(1);
        assertThat(last(decisions()).path("reason").asText()).isEqualTo("pinned");
        assertThat(epoch().path("statistics").path("count").asInt()).isEqualTo(8);
        kafka.append(BOUNDARIES, "all".getBytes(UTF_8), null);
        batches(1);
        assertThat(TopicClient.json(last(kafka.records(TOPICS.boundaries())).value())
                        .path("boundary")
                        .asInt())
                .isEqualTo(2);
    }

    @Test
    @DisplayName("ends an epoch at its number of examples, and keeps the boundary and its watch")
    void fullEpoch() {
        calibrator = fixture.newCalibrator(with(SETTINGS, 6), Mode.PUBLISH);
        moveToTwo();
        batches(1);
        assertThat(last(decisions()).path("epoch").path("end").asText()).isEqualTo("full");
        assertThat(epoch().path("epoch").asInt()).isEqualTo(2);
        assertThat(epoch().path("watch").path("move").asInt()).isEqualTo(1);
        assertThat(boundaries()).hasSize(1);
        batches(1);
        assertThat(epoch().path("statistics").path("count").asInt()).isEqualTo(2);
        assertThat(boundaries()).hasSize(1);
    }

    @Test
    @DisplayName("withdraws a boundary when the margin becomes smaller, and begins an epoch")
    void smallerMargin() {
        moveToTwo();
        calibrator = fixture.newCalibrator(
                new RuleSettings(0.05, 0.3, 0.5, 0.5, 2, 1, 64, 20, 2000, Optional.empty(), OptionalInt.empty()),
                Mode.PUBLISH);
        batches(1);
        assertThat(last(boundaries()).path("reason").asText()).isEqualTo("stricter_settings");
        assertThat(last(boundaries()).path("boundary").asInt()).isEqualTo(full);
        assertThat(last(boundaries())
                        .path("decision")
                        .path("test")
                        .path("margin")
                        .asDouble())
                .isEqualTo(0.3);
        JsonNode withdrawal = decisions().get(decisions().size() - 2);
        assertThat(withdrawal.path("reason").asText()).isEqualTo("stricter_settings");
        assertThat(withdrawal.path("test").path("margin").asDouble())
                .as("that of the sums")
                .isEqualTo(0.4);
        assertThat(withdrawal.path("epoch").path("examples").asInt()).isEqualTo(4);
        assertThat(last(decisions()).path("test").path("margin").asDouble()).isEqualTo(0.3);
        assertThat(epoch().path("epoch").asInt()).isEqualTo(2);
        assertThat(epoch().path("statistics").path("count").asInt()).isEqualTo(2);
        assertThat(fixture.reported()).doesNotContain("conflict");
    }

    @Test
    @DisplayName("keeps a boundary that is no candidate of new settings, scores it, and lists its score")
    void otherCandidates() {
        moveToTwo();
        calibrator = fixture.newCalibrator(with(SETTINGS, Optional.of(Candidates.of(List.of(3)))), Mode.PUBLISH);
        batches(1);
        assertThat(fixture.lastBoundaries()).containsExactly(0, 2, 3, full);
        assertThat(boundaries()).hasSize(1);
        assertThat(decisions())
                .extracting(decision -> decision.path("epoch").path("end").asText())
                .contains("settings");
        fixture.differences(boundary -> -0.5);
        int before = sent;
        while (boundaries().size() == 1 && sent < before + 50) {
            batches(1);
        }
        assertThat(last(boundaries()).path("decision").path("scores")).hasSize(4);
    }

    /** The state of another calibrator that has begun epoch 2 in the second partition. */
    private void otherCalibrator(Consumer<ObjectNode> change) {
        ObjectNode state = (ObjectNode) fixture.lastState();
        state.put("input_partition", 1);
        ((ObjectNode) state.get("epoch")).put("epoch", 2);
        change.accept(state);
        String key = new String(fixture.lastStateRecord().key(), UTF_8).replace("/0/", "/1/");
        kafka.append(STATES, key.getBytes(UTF_8), state.toString().getBytes(UTF_8));
    }

    @Test
    @DisplayName("reports another calibrator that begins epochs with other settings")
    void conflict() {
        batches(1);
        otherCalibrator(state -> ((ObjectNode) state.at("/epoch/test")).put("margin", 0.1));
        batches(1);
        assertThat(epoch().path("epoch").asInt()).isEqualTo(3);
        assertThat(fixture.reported()).contains("conflict");
    }

    @Test
    @DisplayName("reports another calibrator with another alpha, which begins no epoch, and names it in the decision")
    void otherAlpha() {
        calibrator = fixture.newRecordingCalibrator();
        batches(1);
        otherCalibrator(state -> {
            ((ObjectNode) state.get("epoch")).put("epoch", 1);
            ((ObjectNode) state.get("settings")).put("alpha", "0.1");
        });
        batches(1);
        assertThat(epoch().path("epoch").asInt()).isEqualTo(1);
        assertThat(fixture.reported()).containsOnlyOnce("conflict");
        assertThat(last(decisions()).path("conflict").asText()).isEqualTo("alpha 0.1 there, 0.05 here");
        // a calibrator that starts with other settings than an earlier one is no conflict
        calibrator = fixture.newRecordingCalibrator();
        batches(1);
        assertThat(fixture.reported()).containsOnlyOnce("conflict");
        assertThat(last(decisions()).has("conflict")).isFalse();
    }

    @Test
    @DisplayName("counts a group as one example, and refuses an example that is too long without its batch")
    void groupsAndLongExamples() {
        String example = "{\"prompt\":\"%s\",\"completion\":\"b\",\"group\":%s}";
        fixture.sendExamples(
                "first",
                List.of(
                        example.formatted("a", "\"g\""),
                        example.formatted("b", "\"g\""),
                        example.formatted("long ".repeat(5000), "null"),
                        example.formatted("c", "null"),
                        example.formatted(" c\\n", "null")));
        calibrator.turn();
        assertThat(fixture.lastExamples()).isEqualTo(3);
        assertThat(epoch().path("examples").asInt()).isEqualTo(2);
        assertThat(last(decisions()).at("/epoch/uncounted").toString())
                .isEqualTo("{\"repeats\":1,\"repeated_groups\":0,\"refused\":1}");
        fixture.sendExamples("second", List.of(example.formatted("d", "\"g\""), example.formatted("e", "null")));
        calibrator.turn();
        assertThat(fixture.lastExamples()).isEqualTo(1);
        assertThat(epoch().path("examples").asInt()).isEqualTo(3);
        assertThat(epoch().path("uncounted").toString())
                .isEqualTo("{\"repeats\":2,\"repeated_groups\":1,\"refused\":1}");
        assertThat(fixture.reported()).noneMatch(code -> code.contains("context"));
    }

    @Test
    @DisplayName("writes tombstones for the states of digests before the last eight, with the state of a batch")
    void tombstones() {
        batches(1);
        String own = new String(fixture.lastStateRecord().key(), UTF_8);
        String digest = own.split("/")[2];
        for (int other = 0; other < 9; other++) {
            ObjectNode state = (ObjectNode) fixture.lastState();
            ((ObjectNode) state.get("version")).put("adapter_digest", "d" + other);
            kafka.append(
                    STATES,
                    own.replace(digest, "d" + other).getBytes(UTF_8),
                    state.toString().getBytes(UTF_8));
        }
        batches(1);
        assertThat(kafka.records(TOPICS.calibrationState()).stream()
                        .filter(state -> state.value() == null)
                        .map(state -> new String(state.key(), UTF_8)))
                .containsExactly(own.replace(digest, "d0"), own.replace(digest, "d1"));
        assertThat(fixture.committed()).isEqualTo(2);
    }

    @Test
    @DisplayName("reports another calibrator that counts in the other mode, and no change of its own mode")
    void otherMode() {
        batches(1);
        otherCalibrator(state -> state.putObject("shadow")
                .put("boundary", full)
                .put("epoch", 2)
                .put("move", 0)
                .put("examples_at_move", 0));
        batches(1);
        assertThat(epoch().path("epoch").asInt()).isEqualTo(3);
        assertThat(fixture.reported()).containsOnlyOnce("conflict");
        calibrator = fixture.newCalibrator(SETTINGS, Mode.SHADOW);
        batches(2);
        assertThat(epoch().path("epoch").asInt()).isEqualTo(4);
        assertThat(fixture.reported()).containsOnlyOnce("conflict");
    }

    @Test
    @DisplayName("in shadow mode decides and records, keeps the boundary in its state, and publishes nothing")
    void shadow() {
        calibrator = fixture.newCalibrator(SETTINGS, Mode.SHADOW);
        twoIsGood();
        batches(2);
        assertThat(boundaries()).isEmpty();
        assertThat(last(decisions()).path("published").asBoolean()).isFalse();
        assertThat(last(decisions()).path("boundary").asInt()).isEqualTo(2);
        assertThat(fixture.lastState().path("shadow").path("boundary").asInt()).isEqualTo(2);
        batches(1);
        assertThat(last(fixture.decisions()).before()).isEqualTo(2);

        calibrator = fixture.newCalibrator();
        batches(1);
        assertThat(last(fixture.decisions()).before()).isEqualTo(full);
        assertThat(epoch().path("epoch").asInt()).isEqualTo(2);
        assertThat(epoch().path("statistics").path("count").asInt()).isEqualTo(2);
        assertThat(fixture.lastState().has("shadow")).isFalse();
        batches(2);
        assertThat(last(boundaries()).path("boundary").asInt()).isEqualTo(2);
        assertThat(last(boundaries()).path("decision").path("epoch").asInt()).isEqualTo(2);
    }

    @ParameterizedTest(name = "commit {0}, committed: {1}")
    @MethodSource("deaths")
    @DisplayName("decides the same if it dies before or after any of its commits")
    void dies(int failing, boolean isCommitted) {
        assertThat(run(fixture, failing, isCommitted)).isEqualTo(List.of("2 preferred 1 1 4", full + " alarm 2 1 12"));
    }

    static Stream<Arguments> deaths() {
        return IntStream.rangeClosed(0, 18)
                .boxed()
                .flatMap(commit -> Stream.of(Arguments.of(commit, false), Arguments.of(commit, true)));
    }

    /** The boundary records after six batches that move the boundary and then withdraw it. */
    private List<String> run(OneThreadCalibrator fixture, int failing, boolean isCommitted) {
        RuleSettings settings =
                new RuleSettings(0.05, 0.4, 0.5, 0.5, 2, 1, 64, 10, 2000, Optional.empty(), OptionalInt.empty());
        CalibratorService service = fixture.newCalibrator(settings, Mode.PUBLISH);
        fixture.failTransaction(failing, isCommitted);
        for (int i = 0; i < 6; i++) {
            double late = i < 2 ? 0 : -0.5;
            fixture.differences(boundary -> boundary < 2 ? -1 : late);
            fixture.send("b" + i);
            for (int turn = 0; fixture.committed() < i + 1 && turn < 5; turn++) {
                service.turn();
                if (service.disruption().isPresent()) {
                    service = fixture.newCalibrator(settings, Mode.PUBLISH);
                }
            }
        }
        List<String> records = new ArrayList<>();
        for (ConsumerRecord<byte[], byte[]> record : fixture.kafka().records(TOPICS.boundaries())) {
            JsonNode json = TopicClient.json(record.value());
            records.add(json.path("boundary").asInt() + " "
                    + json.path("reason").asText() + " "
                    + json.path("decision").path("epoch").asInt() + " "
                    + json.path("decision").path("move").asInt() + " "
                    + json.path("decision").path("samples").asInt());
        }
        return records;
    }

    private static RuleSettings with(RuleSettings settings, Optional<Candidates> candidates) {
        return settings.withCandidates(candidates);
    }

    private static RuleSettings with(RuleSettings of, int epochExamples) {
        return new RuleSettings(
                of.alpha(),
                of.margin(),
                of.lossCap(),
                of.gainCap(),
                of.minSamples(),
                of.minBatches(),
                of.batchExamples(),
                of.falseAlarmExamples(),
                epochExamples,
                of.candidates(),
                of.keptCandidates());
    }
}
