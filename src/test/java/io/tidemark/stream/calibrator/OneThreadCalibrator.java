package io.tidemark.stream.calibrator;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.AdapterSuggestions;
import io.tidemark.calibration.rule.Objective;
import io.tidemark.calibration.rule.RuleDecision;
import io.tidemark.calibration.rule.RuleSettings;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.calibration.sweep.SweepRun;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.fixture.Catalogs;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.NewThreads;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.UncountedExamples;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.TopicClient;
import io.tidemark.stream.settings.TidemarkSettings.CalibratorSettings.Mode;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.stream.topics.SimulatedKafka.Transaction;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.topics.TransactionalId;
import io.tidemark.time.VirtualTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;

/**
 * A calibrator on the thread of the test, with virtual time, a cluster in memory, and sweeps that do what the test says
 * instead of scoring. Adapter 'all' is loaded.
 */
final class OneThreadCalibrator implements AutoCloseable {

    static final TopicLayout TOPICS = TopicLayout.of(TestSettings.with(Map.of()).topics());
    static final TopicPartition PARTITION = new TopicPartition(TOPICS.validationBatches(), 0);
    static final TopicPartition SECOND = new TopicPartition(TOPICS.validationBatches(), 1);

    /** Four examples without a difference to full LoRA certify a boundary. */
    static final RuleSettings SETTINGS =
            new RuleSettings(0.05, 0.4, 0.5, 0.5, 2, 1, 64, 20, 2000, Optional.empty(), OptionalInt.empty());

    private static final String FAMILY = "llama-gqa";
    private static final Duration STEP = Duration.ofMillis(50);

    private final VirtualTime time = new VirtualTime();
    private final SimulatedKafka kafka = new SimulatedKafka(
            time,
            Map.of(
                    TOPICS.validationBatches(),
                    2,
                    TOPICS.calibrationState(),
                    1,
                    TOPICS.boundaries(),
                    1,
                    TOPICS.boundaryDecisions(),
                    1,
                    TOPICS.validationDeadLetters(),
                    1));
    private final List<String> reported = new ArrayList<>();
    private final List<RuleDecision> decisions = new ArrayList<>();
    private final LanguageModel model;
    private final AdapterStore adapters;
    /** Of the calibrator, without the one that has loaded the adapter. */
    private final NewThreads threads;

    private Script script = heartbeat -> {};
    private int sweeps;
    private int missingBoundaries;
    private IntToDoubleFunction differences = boundary -> boundary - boundaries() + 1;
    private Optional<List<Integer>> lastBoundaries = Optional.empty();
    private int lastExamples;

    /** What a sweep does instead of scoring. */
    interface Script {

        void run(SweepExecutor.Heartbeat heartbeat) throws SweepAbandonedException;
    }

    /** It owns {@link #PARTITION}. */
    OneThreadCalibrator(FixtureModel fixture) {
        model = fixture.model();
        adapters = new AdapterStore(model);
        adapters.load("all", Folders.adapter(FAMILY, "all"));
        threads = new NewThreads();
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

    /** The decisions that were reported. */
    List<RuleDecision> decisions() {
        return decisions;
    }

    /** Runs once, after the next commit that counts a batch and before the calibrator reads the tables again. */
    void afterNextOutcome(Runnable task) {
        kafka.afterCommits(transaction -> {
            if (transaction.offsets().values().stream()
                    .anyMatch(offset -> offset.metadata().isEmpty())) {
                kafka.afterCommits(any -> {});
                task.run();
            }
        });
    }

    /**
     * The n-th transaction from now on fails; 0 for none.
     *
     * @param isCommitted whether it fails after it was committed
     */
    void failTransaction(int number, boolean isCommitted) {
        AtomicInteger commits = new AtomicInteger();
        RuntimeException killed = new TimeoutException("killed");
        kafka.beforeCommits(() -> {
            if (commits.incrementAndGet() == number) {
                if (isCommitted) {
                    kafka.loseNextAnswer(killed);
                } else {
                    kafka.failNextCommit(killed);
                }
            }
        });
    }

    /** How many sweeps have started. */
    int sweeps() {
        return sweeps;
    }

    /** What the next sweeps do. */
    void script(Script next) {
        script = next;
    }

    /** How many boundaries the next sweeps leave out; the state of a batch needs all of the epoch. */
    void missingBoundaries(int count) {
        missingBoundaries = count;
    }

    /** The differences to full LoRA of all examples of the next sweeps. By default, each layer gains 1. */
    void differences(IntToDoubleFunction next) {
        differences = next;
    }

    /** The boundaries that the last sweep has scored. */
    List<Integer> lastBoundaries() {
        return lastBoundaries.orElseThrow();
    }

    /** The number of examples of the last sweep. */
    int lastExamples() {
        return lastExamples;
    }

    /** A calibrator that has not run. */
    CalibratorService newCalibrator() {
        return newCalibrator(TOPICS);
    }

    CalibratorService newCalibrator(TopicLayout topics) {
        return newCalibrator(options(topics, SETTINGS, Mode.PUBLISH));
    }

    CalibratorService newCalibrator(RuleSettings settings, Mode mode) {
        return newCalibrator(options(TOPICS, settings, mode));
    }

    /** A calibrator that records all decisions. */
    CalibratorService newRecordingCalibrator() {
        CalibratorOptions options = options();
        return newCalibrator(new CalibratorOptions(
                options.topics(),
                options.process(),
                options.settings(),
                options.objective(),
                options.mode(),
                Duration.ZERO));
    }

    private CalibratorService newCalibrator(CalibratorOptions options) {
        return new CalibratorService(
                options,
                new KafkaThread(kafka, time, task -> {
                    throw new AssertionError("the test runs the calibrator");
                }),
                new BatchScorer(
                        model,
                        Catalogs.ofFolders(adapters),
                        AdapterSuggestions.NONE,
                        10,
                        SweepLimits.DEFAULT,
                        this::sweep,
                        time),
                new CalibrationListener() {
                    @Override
                    public void onProgress(String adapter, String batchId, double progress) {}

                    @Override
                    public void onCounted(
                            String adapter, int examples, UncountedExamples uncounted, double sweepSeconds) {
                        reported.add(adapter + " in " + sweepSeconds + " s");
                    }

                    @Override
                    public void onDecision(String adapter, RuleDecision decision) {
                        decisions.add(decision);
                    }

                    @Override
                    public void onConflict(String adapter) {
                        reported.add("conflict");
                    }

                    @Override
                    public void onRejected(ErrorBody error) {
                        reported.add(error.code());
                    }
                });
    }

    CalibratorOptions options() {
        return options(TOPICS, SETTINGS, Mode.PUBLISH);
    }

    private static CalibratorOptions options(TopicLayout topics, RuleSettings settings, Mode mode) {
        return new CalibratorOptions(
                topics,
                TransactionalId.ofCalibrator("group", "a"),
                settings,
                Objective.parse("latency"),
                mode,
                Duration.ofMinutes(1));
    }

    private double[][] sweep(SweepRun sweep, SweepExecutor.Heartbeat heartbeat) throws SweepAbandonedException {
        sweeps++;
        try (sweep) {
            script.run(heartbeat);
        }
        lastBoundaries = Optional.of(sweep.boundaries());
        lastExamples = sweep.examples();
        return IntStream.range(0, sweep.examples())
                .mapToObj(example -> sweep.boundaries().stream()
                        .skip(missingBoundaries)
                        .mapToDouble(boundary -> -10.0 * (example + 1)
                                + (boundary == boundaries() - 1 ? 0 : differences.applyAsDouble(boundary)))
                        .toArray())
                .toArray(double[][]::new);
    }

    /** Sweeps for this time, or until the sweep is ended. */
    Script lasting(Duration duration) {
        return heartbeat -> {
            Instant end = time.instant().plus(duration);
            while (time.instant().isBefore(end)) {
                if (!heartbeat.beat(0)) {
                    throw new SweepAbandonedException();
                }
                time.sleep(STEP);
            }
        };
    }

    /** Writes a batch of two examples for the adapter, which no other batch has. */
    void send(String batchId) {
        send(batchId, "b");
    }

    void send(String batchId, String completion) {
        send(PARTITION, batchId, 2, completion);
    }

    void send(TopicPartition partition, String batchId, int examples, String completion) {
        send(
                partition,
                batchId,
                IntStream.range(0, examples).mapToObj(i -> batchId + "." + i).toList(),
                completion);
    }

    /** Writes a batch with these prompts. */
    void send(TopicPartition partition, String batchId, List<String> prompts, String completion) {
        sendExamples(
                partition,
                batchId,
                prompts.stream()
                        .map(prompt -> "{\"prompt\": \"" + prompt + "\", \"completion\": \"" + completion + "\"}")
                        .toList());
    }

    /** Writes a batch of these examples, as JSON, to {@link #PARTITION}. */
    void sendExamples(String batchId, List<String> examples) {
        sendExamples(PARTITION, batchId, examples);
    }

    private void sendExamples(TopicPartition partition, String batchId, List<String> examples) {
        kafka.append(
                partition,
                "all".getBytes(UTF_8),
                ("{\"batch_id\": \"" + batchId + "\", \"adapter\": \"all\", \"examples\": ["
                                + String.join(", ", examples) + "]}")
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
