package io.tidemark.stream.calibrator;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.calibration.CalibrationPolicy;
import io.tidemark.calibration.Decision;
import io.tidemark.calibration.ExampleScore;
import io.tidemark.calibration.Objective;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.calibration.SweepRun;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.NewThreads;
import io.tidemark.message.ErrorBody;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.TopicClient;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.stream.topics.SimulatedKafka.Transaction;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.time.VirtualTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.DoublePredicate;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * A calibrator on the thread of the test, with virtual time, a cluster in memory, and sweeps that do what the test says
 * instead of scoring. Adapter 'all' is loaded.
 */
final class OneThreadCalibrator implements AutoCloseable {

    static final TopicLayout TOPICS = TopicLayout.of(TestSettings.with(Map.of()).topics());
    static final TopicPartition PARTITION = new TopicPartition(TOPICS.validationBatches(), 0);

    private static final String FAMILY = "llama-gqa";
    private static final Duration STEP = Duration.ofMillis(50);

    private final VirtualTime time = new VirtualTime();
    private final SimulatedKafka kafka = new SimulatedKafka(
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
    private final List<String> reported = new ArrayList<>();
    private final LanguageModel model;
    private final AdapterStore adapters;
    /** Of the calibrator, without the one that has loaded the adapter. */
    private final NewThreads threads;

    private Script script = shouldContinue -> {};
    private int sweeps;
    private int scoredBoundaries;

    /** What a sweep does instead of scoring; the scores favour the highest boundary. */
    interface Script {

        void run(DoublePredicate shouldContinue) throws SweepAbandonedException;
    }

    /** It owns {@link #PARTITION}. */
    OneThreadCalibrator(FixtureModel fixture) {
        model = fixture.model();
        adapters = new AdapterStore(model);
        adapters.load("all", Folders.adapter(FAMILY, "all"));
        threads = new NewThreads();
        scoredBoundaries = boundaries();
        kafka.assign(PARTITION);
    }

    /** How many boundaries the model has: one more than layers. */
    int boundaries() {
        return model.config().numLayers() + 1;
    }

    VirtualTime time() {
        return time;
    }

    SimulatedKafka kafka() {
        return kafka;
    }

    /** The codes of refused batches, and the adapter and duration of each decision. */
    List<String> reported() {
        return reported;
    }

    /** How many sweeps have started. */
    int sweeps() {
        return sweeps;
    }

    /** What the next sweeps do. */
    void script(Script next) {
        script = next;
    }

    /** How many boundaries the next sweeps score; the state of a batch needs all of the model. */
    void scoredBoundaries(int count) {
        scoredBoundaries = count;
    }

    /** A calibrator that has not run. */
    CalibratorService newCalibrator() {
        return newCalibrator(TOPICS);
    }

    CalibratorService newCalibrator(TopicLayout topics) {
        return new CalibratorService(
                new CalibratorOptions(
                        topics, "group", "group-a", new CalibrationPolicy(Objective.parse("balanced"), 2)),
                new KafkaThread(kafka, time, task -> {
                    throw new AssertionError("the test runs the calibrator");
                }),
                new BatchScorer(model, adapters, 10, SweepLimits.DEFAULT, this::sweep, time),
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
    Script lasting(Duration duration) {
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

    /** Writes a batch of two examples for the adapter. */
    void send(String batchId) {
        send(batchId, "b");
    }

    void send(String batchId, String completion) {
        String example = "{\"prompt\": \"a\", \"completion\": \"" + completion + "\"}";
        kafka.append(
                PARTITION,
                "all".getBytes(UTF_8),
                ("{\"batch_id\": \"" + batchId + "\", \"adapter\": \"all\", \"examples\": [" + example + ", " + example
                                + "]}")
                        .getBytes(UTF_8));
    }

    long committed() {
        return kafka.committed(PARTITION).map(OffsetAndMetadata::offset).orElse(0L);
    }

    /** The metadata of the committed offset. */
    JsonNode attempts() {
        return TopicClient.json(
                kafka.committed(PARTITION).orElseThrow().metadata().getBytes(UTF_8));
    }

    /** The last committed state. */
    JsonNode lastState() {
        return TopicClient.json(lastStateRecord().value());
    }

    ProducerRecord<byte[], byte[]> lastStateRecord() {
        List<ProducerRecord<byte[], byte[]>> states = kafka.transactions().stream()
                .flatMap(transaction -> transaction.records().stream())
                .filter(record -> record.topic().equals(TOPICS.calibrationState()))
                .toList();
        return states.get(states.size() - 1);
    }

    /** Of the records of a transaction. */
    static List<String> topics(Transaction transaction) {
        return transaction.records().stream().map(ProducerRecord::topic).toList();
    }

    /** Checks that no thread was started. */
    @Override
    public void close() {
        adapters.close();
        threads.assertNone();
    }
}
