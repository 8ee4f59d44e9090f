package io.tidemark.stream.calibrator;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.calibration.CalibrationPolicy;
import io.tidemark.calibration.Decision;
import io.tidemark.calibration.ExampleScore;
import io.tidemark.calibration.Objective;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.calibration.SweepRun;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.message.ErrorBody;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.ReadLimits;
import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.stream.topics.SimulatedKafka.Transaction;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.time.VirtualTime;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.DoublePredicate;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("A calibrator on one thread, with virtual time and a cluster in memory,")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class OneThreadCalibratorTest {

    private static final String FAMILY = "llama-gqa";
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final TopicLayout TOPICS =
            TopicLayout.of(TestSettings.with(Map.of()).topics());
    private static final TopicPartition PARTITION = new TopicPartition(TOPICS.validationBatches(), 0);
    private static final TopicPartition STATES = new TopicPartition(TOPICS.calibrationState(), 0);
    private static final byte[] PIN = "{\"adapter\": \"qv\", \"boundary\": 2, \"pinned\": true}".getBytes(UTF_8);
    private static final Duration STEP = Duration.ofMillis(50);

    private FixtureModel model;
    private AdapterStore adapters;

    private VirtualTime time;
    private SimulatedKafka kafka;
    private CalibratorService calibrator;
    private Script script;
    private Set<Thread> threads;
    private final List<String> reported = new ArrayList<>();
    private int sweeps;
    private int scoredBoundaries;
    private Instant start;

    /** What a sweep does instead of scoring; the scores favour the highest boundary. */
    private interface Script {

        void run(DoublePredicate shouldContinue) throws SweepAbandonedException;
    }

    @BeforeAll
    void load() {
        model = FixtureModel.load(FAMILY);
        adapters = new AdapterStore(model.model());
        adapters.load("all", Folders.adapter(FAMILY, "all"));
    }

    @AfterAll
    void unload() {
        adapters.close();
        model.close();
    }

    @BeforeEach
    void start() {
        threads = Thread.getAllStackTraces().keySet();
        time = new VirtualTime();
        start = time.instant();
        kafka = new SimulatedKafka(
                time,
                Map.of(
                        TOPICS.validationBatches(),
                        1,
                        TOPICS.calibrationState(),
                        1,
                        TOPICS.boundaries(),
                        1,
                        TOPICS.validationDeadLetters(),
                        1));
        kafka.assign(PARTITION);
        reported.clear();
        sweeps = 0;
        scoredBoundaries = model.model().config().numLayers() + 1;
        script = shouldContinue -> {};
        calibrator = newCalibrator();
    }

    @AfterEach
    void noThread() {
        assertThat(Thread.getAllStackTraces().keySet())
                .filteredOn(thread -> !threads.contains(thread))
                .filteredOn(thread ->
                        thread.getThreadGroup() == Thread.currentThread().getThreadGroup())
                .isEmpty();
    }

    private CalibratorService newCalibrator() {
        return newCalibrator(TOPICS);
    }

    private CalibratorService newCalibrator(TopicLayout topics) {
        return new CalibratorService(
                new CalibratorOptions(
                        topics, "group", "group-a", new CalibrationPolicy(Objective.parse("balanced"), 2)),
                new KafkaThread(kafka, time, task -> {
                    throw new AssertionError("the test runs the calibrator");
                }),
                new BatchScorer(model.model(), adapters, 10, SweepLimits.DEFAULT, this::sweep, time),
                new CalibrationListener() {
                    @Override
                    public void onProgress(String adapter, String batchId, double progress) {}

                    @Override
                    public void onDecision(String adapter, Decision decision, double sweepSeconds) {
                        reported.add(adapter + " in " + sweepSeconds + " s");
                    }

                    @Override
                    public void onRejected(ErrorBody error) {
                        reported.add(error.code());
                    }
                });
    }

    private List<ExampleScore> sweep(SweepRun sweep, DoublePredicate shouldContinue) throws SweepAbandonedException {
        sweeps++;
        try (sweep) {
            script.run(shouldContinue);
        }
        return IntStream.of(1, 2)
                .mapToObj(example -> new ExampleScore(
                        3,
                        IntStream.range(0, scoredBoundaries)
                                .mapToObj(boundary -> -10.0 * example + boundary)
                                .toList()))
                .toList();
    }

    /** Sweeps for this time, or until the sweep is ended. */
    private Script lasting(Duration duration) {
        return shouldContinue -> {
            Instant end = time.instant().plus(duration);
            while (time.instant().isBefore(end)) {
                if (!shouldContinue.test(0)) {
                    throw new SweepAbandonedException();
                }
                time.sleep(STEP);
            }
        };
    }

    private void send(String batchId) {
        send(batchId, "b");
    }

    private void send(String batchId, String completion) {
        String example = "{\"prompt\": \"a\", \"completion\": \"" + completion + "\"}";
        kafka.append(
                PARTITION,
                "all".getBytes(UTF_8),
                ("{\"batch_id\": \"" + batchId + "\", \"adapter\": \"all\", \"examples\": [" + example + ", " + example
                                + "]}")
                        .getBytes(UTF_8));
    }

    private long committed() {
        return kafka.committed(PARTITION).map(OffsetAndMetadata::offset).orElse(0L);
    }

    /** The metadata of the committed offset. */
    private JsonNode attempts() {
        return json(kafka.committed(PARTITION).orElseThrow().metadata().getBytes(UTF_8));
    }

    private JsonNode lastState() {
        return json(lastStateRecord().value());
    }

    private ProducerRecord<byte[], byte[]> lastStateRecord() {
        List<ProducerRecord<byte[], byte[]>> states = kafka.transactions().stream()
                .flatMap(transaction -> transaction.records().stream())
                .filter(record -> record.topic().equals(TOPICS.calibrationState()))
                .toList();
        return states.get(states.size() - 1);
    }

    private static JsonNode json(byte[] value) {
        try {
            return JSON.readTree(value);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<String> topics(Transaction transaction) {
        return transaction.records().stream().map(ProducerRecord::topic).toList();
    }

    @Test
    @DisplayName("marks a batch as running, claims it, and commits state, boundary and offset in one transaction")
    void oneTransaction() {
        send("b1");
        script = lasting(Duration.ofSeconds(3));
        calibrator.turn();
        List<Transaction> transactions = kafka.transactions();
        assertThat(transactions).hasSize(3);
        assertThat(topics(transactions.get(0))).as("running").isEmpty();
        assertThat(topics(transactions.get(1))).as("claim").containsExactly(TOPICS.calibrationState());
        assertThat(topics(transactions.get(2)))
                .as("outcome")
                .containsExactly(TOPICS.calibrationState(), TOPICS.boundaries());
        for (Transaction before : transactions.subList(0, 2)) {
            OffsetAndMetadata offset = before.offsets().get(PARTITION);
            assertThat(offset.offset()).isZero();
            assertThat(json(offset.metadata().getBytes(UTF_8))
                            .path("running_in")
                            .isTextual())
                    .isTrue();
        }
        assertThat(transactions.get(2).offsets()).containsExactly(Map.entry(PARTITION, new OffsetAndMetadata(1)));
        JsonNode boundary = json(transactions.get(2).records().get(1).value());
        assertThat(boundary.path("samples").asInt()).isEqualTo(2);
        assertThat(boundary.path("boundary").asInt())
                .isEqualTo(model.model().config().numLayers());
        assertThat(boundary.path("evidence"))
                .isEqualTo(json(("{\"batch_id\": \"b1\", \"topic\": \"validation-batches\", \"partition\": 0,"
                                + " \"offset\": 0}")
                        .getBytes(UTF_8)));
        assertThat(reported).containsExactly("all in 3.0 s");
    }

    @Test
    @DisplayName("counts a batch that is sent again once, and says so in a dead letter")
    void repeated() {
        send("b1");
        send("b1");
        calibrator.turn();
        calibrator.turn();
        assertThat(committed()).isEqualTo(2);
        assertThat(sweeps).isEqualTo(1);
        assertThat(lastState().path("counted_batches")).hasSize(1);
        assertThat(reported).containsExactly("all in 0.0 s", "duplicate_batch");
        assertThat(kafka.records(TOPICS.validationDeadLetters())).hasSize(1);
    }

    @Test
    @DisplayName("refuses a batch with other examples whose id was counted, and counts it when it has another id")
    void conflict() {
        send("b1", "of another sender");
        send("b1", "b");
        send("b2", "b");
        for (int turn = 0; turn < 3; turn++) {
            calibrator.turn();
        }
        assertThat(reported).containsExactly("all in 0.0 s", "batch_id_conflict", "all in 0.0 s");
        assertThat(lastState().path("counted_batches")).hasSize(2);
        assertThat(committed()).isEqualTo(3);
    }

    @Test
    @DisplayName("refuses a batch whose id another partition has claimed with other examples")
    void conflictingClaim() {
        send("b1");
        calibrator.turn();
        ObjectNode other = (ObjectNode) lastState();
        other.put("input_partition", 1);
        other.putArray("counted_batches");
        other.putObject("claim")
                .put("batch", lastState().path("counted_batches").get(0).asText())
                .put("offset", 0)
                .put("content", "another1");
        other.remove("counted_contents");
        String ownKey = new String(lastStateRecord().key(), UTF_8);
        kafka.append(STATES, lastStateRecord().key(), null);
        kafka.append(
                STATES,
                ownKey.replace("/0/", "/1/").getBytes(UTF_8),
                other.toString().getBytes(UTF_8));
        send("b1");
        calibrator.turn();
        assertThat(reported).containsExactly("all in 0.0 s", "batch_id_conflict");
        assertThat(sweeps).isEqualTo(1);
    }

    @Test
    @DisplayName("refuses a batch on a topic to which the adapter does not belong, and names the adapter's topic")
    void otherTopic() {
        calibrator = newCalibrator(TopicLayout.of(
                TestSettings.with(Map.of("tidemark.topics.validation-batches", "validation-batches=team-a-,team-b=al"))
                        .topics()));
        send("b1");
        calibrator.turn();
        assertThat(reported).containsExactly("adapter_not_allowed");
        assertThat(sweeps).isZero();
        assertThat(committed()).isEqualTo(1);
        ProducerRecord<byte[], byte[]> letter =
                kafka.transactions().get(1).records().get(0);
        assertThat(new String(
                        letter.headers().lastHeader("tidemark.error.message").value(), UTF_8))
                .isEqualTo("batches of adapter 'all' are not accepted on topic 'validation-batches'; send them to"
                        + " 'team-b'");
    }

    private void overwritePin() {
        TopicPartition boundaries = new TopicPartition(TOPICS.boundaries(), 0);
        kafka.append(boundaries, "qv".getBytes(UTF_8), PIN);
        kafka.append(
                boundaries,
                "qv".getBytes(UTF_8),
                "{\"adapter\": \"qv\", \"boundary\": 1, \"objective\": \"balanced\", \"curve\": [-2, -1]}"
                        .getBytes(UTF_8));
    }

    @Test
    @DisplayName("publishes an overwritten pin with the committed offset of its partition, which stays as it is")
    void restoresPins() {
        OffsetAndMetadata before =
                new OffsetAndMetadata(1, Optional.empty(), "{\"version\":1,\"failures\":1,\"running_in\":\"dead\"}");
        send("done");
        send("b1");
        kafka.commit(PARTITION, before);
        overwritePin();
        calibrator.turn();
        Transaction restored = kafka.transactions().get(0);
        assertThat(topics(restored)).containsExactly(TOPICS.boundaries());
        assertThat(restored.records().get(0).value()).isEqualTo(PIN);
        assertThat(restored.offsets()).containsExactly(Map.entry(PARTITION, before));
        assertThat(committed()).isEqualTo(2);
    }

    @Test
    @DisplayName("commits the position of the assignment with a restored pin when nothing was committed before")
    void restoresPinsFirst() {
        send("b1");
        overwritePin();
        calibrator.turn();
        assertThat(kafka.transactions().get(0).offsets())
                .containsExactly(Map.entry(PARTITION, new OffsetAndMetadata(0)));
        assertThat(committed()).isEqualTo(1);
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
        try (OutcomeTransactions publisher = new OutcomeTransactions(kafka, "group-a", TOPICS, member)) {
            Map<TopicPartition, OffsetAndMetadata> position = Map.of(PARTITION, new OffsetAndMetadata(0));
            assertThatThrownBy(() -> publisher.publishBoundary("qv", PIN, position))
                    .isInstanceOf(CommitFailedException.class);
        }
        assertThat(kafka.records(TOPICS.boundaries())).isEmpty();
    }

    @Test
    @DisplayName("polls its consumer every 200 ms while a sweep runs, and reads no batch with it")
    void heartbeat() {
        send("b1");
        send("b2");
        List<Instant> beats = new ArrayList<>();
        script = shouldContinue -> {
            int before = kafka.member().polls().size();
            lasting(Duration.ofMinutes(10)).run(shouldContinue);
            List<Instant> polls = kafka.member().polls();
            beats.addAll(polls.subList(before, polls.size()));
        };
        calibrator.turn();
        assertThat(beats)
                .isEqualTo(IntStream.range(0, 5 * 600)
                        .mapToObj(beat -> start.plusMillis(200L * beat))
                        .toList());
        assertThat(committed()).isEqualTo(1);
        assertThat(kafka.member().paused()).isEmpty();
    }

    @Test
    @DisplayName(
            "abandons a sweep when its partition is revoked, adds no failure, and scores the batch when it is back")
    void revoked() {
        send("b1");
        time.schedule(Duration.ofSeconds(2), kafka::assign);
        script = lasting(Duration.ofMinutes(1));
        calibrator.turn();
        assertThat(time.instant()).isEqualTo(start.plusSeconds(2));
        assertThat(committed()).isZero();
        assertThat(attempts().path("failures").asInt()).isZero();
        assertThat(attempts().has("running_in")).isFalse();
        assertThat(reported).isEmpty();

        calibrator.turn();
        assertThat(sweeps).isEqualTo(1);
        kafka.assign(PARTITION);
        calibrator.turn();
        assertThat(sweeps).isEqualTo(2);
        assertThat(committed()).isEqualTo(1);
        assertThat(lastState().path("counted_batches")).hasSize(1);
        assertThat(calibrator.disruption()).isEmpty();
    }

    @Test
    @DisplayName("commits nothing for a batch after it has lost the partition")
    void lost() {
        send("b1");
        time.schedule(Duration.ofSeconds(2), () -> kafka.lose(PARTITION));
        script = lasting(Duration.ofMinutes(1));
        calibrator.turn();
        assertThat(kafka.transactions()).hasSize(2);
        assertThat(committed()).isZero();
        assertThat(attempts().path("running_in").isTextual()).isTrue();
        assertThat(reported).isEmpty();
        assertThat(calibrator.disruption()).isEmpty();
    }

    @Test
    @DisplayName("opens new clients one second after a failed commit, and scores the batch again")
    void failedCommit() {
        send("b1");
        script = shouldContinue -> kafka.failNextCommit(new TimeoutException("no broker"));
        calibrator.turn();
        assertThat(calibrator.disruption()).contains("no broker");
        assertThat(kafka.openClients()).isZero();
        assertThat(time.instant()).isEqualTo(start.plusSeconds(1));
        assertThat(committed()).isZero();
        assertThat(kafka.records(TOPICS.boundaries())).isEmpty();

        script = shouldContinue -> {};
        calibrator.turn();
        assertThat(calibrator.disruption()).isEmpty();
        assertThat(sweeps).isEqualTo(2);
        assertThat(committed()).isEqualTo(1);
        assertThat(lastState().path("counted_batches")).hasSize(1);
        assertThat(kafka.records(TOPICS.boundaries())).hasSize(1);
    }

    @Test
    @DisplayName("does not score a batch again whose commit has succeeded without an answer")
    void lostAnswer() {
        send("b1");
        script = shouldContinue -> kafka.loseNextAnswer(new TimeoutException("no answer"));
        calibrator.turn();
        assertThat(calibrator.disruption()).contains("no answer");
        assertThat(committed()).isEqualTo(1);
        calibrator.turn();
        assertThat(calibrator.disruption()).isEmpty();
        assertThat(committed()).isEqualTo(1);
        assertThat(sweeps).isEqualTo(1);
    }

    @Test
    @DisplayName("restarts after a failed poll during a sweep, and adds no failure to the batch")
    void failedPoll() {
        send("b1");
        time.schedule(Duration.ofSeconds(1), () -> kafka.member().setPollException(new TimeoutException("no broker")));
        script = lasting(Duration.ofMinutes(1));
        calibrator.turn();
        assertThat(calibrator.disruption()).contains("no broker");
        assertThat(attempts().path("failures").asInt()).isZero();
        assertThat(attempts().has("running_in")).isFalse();
        assertThat(kafka.openClients()).isZero();
    }

    @Test
    @DisplayName(
            "makes a batch a dead letter whose processing throws an exception three times, and counts the next one")
    void failsThreeTimes() {
        send("fails");
        send("good");
        // the scores can't be added to the state
        scoredBoundaries--;
        for (int failed = 1; failed <= 3; failed++) {
            calibrator.turn();
            assertThat(attempts().path("failures").asInt()).isEqualTo(failed);
            assertThat(reported).isEmpty();
        }
        calibrator.turn();
        assertThat(reported).containsExactly("batch_failed");
        assertThat(kafka.records(TOPICS.validationDeadLetters())).hasSize(1);
        scoredBoundaries++;
        calibrator.turn();
        assertThat(committed()).isEqualTo(2);
        assertThat(lastState().path("counted_batches")).hasSize(1);
    }

    @Test
    @DisplayName("ends with an Error, after it has counted the failure and closed its clients")
    void error() {
        send("fails");
        Error error = new StackOverflowError("for this test");
        script = shouldContinue -> {
            throw error;
        };
        calibrator.run();
        assertThat(calibrator.isAlive()).isFalse();
        assertThat(calibrator.failure().toCompletableFuture()).isCompletedWithValue(error);
        assertThat(kafka.openClients()).isZero();
        assertThat(committed()).isZero();
        assertThat(attempts().path("failures").asInt()).isEqualTo(1);
        assertThat(attempts().has("running_in")).isFalse();
        assertThat(reported).isEmpty();
    }

    @Test
    @DisplayName("counts the death of a process that could not commit its failure before it ended")
    void errorWithoutCommit() {
        send("fails");
        script = shouldContinue -> {
            kafka.failNextCommit(new TimeoutException("no broker"));
            throw new OutOfMemoryError("for this test");
        };
        calibrator.run();
        assertThat(calibrator.failure().toCompletableFuture())
                .isCompletedWithValueMatching(OutOfMemoryError.class::isInstance);
        assertThat(attempts().path("running_in").isTextual()).isTrue();

        script = shouldContinue ->
                assertThat(attempts().path("failures").asInt()).isEqualTo(1);
        calibrator = newCalibrator();
        calibrator.turn();
        assertThat(committed()).isEqualTo(1);
    }

    @Test
    @DisplayName("abandons a sweep when it is stopped, releases the batch and closes its clients")
    void stopped() {
        send("b1");
        time.schedule(Duration.ofSeconds(2), calibrator::stop);
        script = lasting(Duration.ofMinutes(1));
        calibrator.run();
        assertThat(calibrator.isAlive()).isFalse();
        assertThat(calibrator.failure().toCompletableFuture()).isNotDone();
        assertThat(kafka.openClients()).isZero();
        assertThat(committed()).isZero();
        assertThat(attempts().path("failures").asInt()).isZero();
        assertThat(attempts().has("running_in")).isFalse();
    }
}
