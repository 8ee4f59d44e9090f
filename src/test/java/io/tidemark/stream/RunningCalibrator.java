package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.tidemark.adapter.AdapterSuggestions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.calibration.rule.Objective;
import io.tidemark.calibration.rule.RuleSettings;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.fixture.Catalogs;
import io.tidemark.stream.calibrator.BatchScorer;
import io.tidemark.stream.calibrator.CalibratorOptions;
import io.tidemark.stream.calibrator.CalibratorService;
import io.tidemark.stream.calibrator.SweepExecutor;
import io.tidemark.stream.metrics.CalibrationMetrics;
import io.tidemark.stream.settings.TidemarkSettings.CalibratorSettings.Mode;
import io.tidemark.stream.settings.TidemarkSettings.Role;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.topics.TopicSetup;
import io.tidemark.stream.topics.TransactionalId;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.awaitility.Awaitility;

/** A calibrator with topics of its own and two partitions of validation batches, and a Kafka client to observe it. */
final class RunningCalibrator implements AutoCloseable {

    static final int MAX_EXAMPLES = 100;

    private final String prefix = UUID.randomUUID() + ".";
    private final KafkaConnection kafka;
    private final CalibratedModel model;
    private final TopicLayout topics;
    private final TopicClient client;
    private CalibratorService calibrator;

    RunningCalibrator(EmbeddedBroker broker, CalibratedModel model) {
        this.model = model;
        kafka = new KafkaConnection(Map.of("bootstrap.servers", broker.bootstrapServers()));
        topics = TopicLayout.of(TestSettings.with(
                        Map.of("tidemark.topics.prefix", prefix, "tidemark.topics.calibration-partitions", "2"))
                .topics());
        try (Admin admin = kafka.newAdmin()) {
            TopicSetup.ensure(admin, topics, Role.ALL, true, Time.system());
        }
        client = new TopicClient(
                broker.bootstrapServers(),
                topics.boundaries(),
                topics.boundaryDecisions(),
                topics.validationDeadLetters(),
                topics.calibrationState());
        start();
    }

    void start() {
        start(SweepExecutor.onOwnThreads());
    }

    /** Starts a calibrator that runs its sweeps with {@code executor}. */
    void start(SweepExecutor executor) {
        calibrator = start("a", executor);
    }

    /** Starts one more calibrator of the group; the caller closes it. */
    CalibratorService another(SweepExecutor executor) {
        return start("b", executor);
    }

    private CalibratorService start(String name, SweepExecutor executor) {
        return CalibratorService.start(
                new CalibratorOptions(
                        topics,
                        new TransactionalId(group(), prefix + name),
                        RuleSettings.DEFAULT,
                        Objective.parse("balanced"),
                        Mode.PUBLISH,
                        Duration.ZERO),
                KafkaThread.named("tidemark-calibrator", kafka),
                new BatchScorer(
                        model.model(),
                        Catalogs.ofFolders(model.adapters()),
                        AdapterSuggestions.NONE,
                        MAX_EXAMPLES,
                        SweepLimits.DEFAULT,
                        executor,
                        Time.system()),
                new CalibrationMetrics(new SimpleMeterRegistry()));
    }

    /** Waits until an error has ended the calibrator. */
    void awaitFailure() {
        assertThat(calibrator.failure().toCompletableFuture())
                .succeedsWithin(Duration.ofSeconds(30))
                .isInstanceOf(StackOverflowError.class);
        calibrator.close();
    }

    void stop() {
        calibrator.close();
    }

    /** Sends the reference examples {@code from .. to-1} as a batch. */
    void send(String batchId, int partition, int from, int to) {
        client.send(new ProducerRecord<>(
                topics.validationBatches(),
                partition,
                TopicClient.bytes("all"),
                TopicClient.bytes(model.batch(batchId, from, to))));
    }

    void sendRaw(String value) {
        client.send(new ProducerRecord<>(
                topics.validationBatches(),
                0,
                TopicClient.bytes("raw"),
                value == null ? null : TopicClient.bytes(value)));
    }

    /** Writes a record to the boundary topic. */
    void sendBoundary(String adapter, byte[] record) {
        client.send(topics.boundaries(), adapter, record);
    }

    /** Writes a record to the topic of calibration states. */
    void sendState(String key, String state) {
        client.send(topics.calibrationState(), key, state);
    }

    /** Waits until two calibrators have one partition each. */
    void awaitTwoMembers() {
        try (Admin admin = Admin.create(kafka.properties())) {
            // there is no group before the first member has joined
            Awaitility.await().ignoreExceptions().atMost(Duration.ofSeconds(30)).until(() -> {
                var members = admin.describeConsumerGroups(List.of(group()))
                        .all()
                        .get()
                        .get(group())
                        .members();
                return members.size() == 2
                        && members.stream()
                                .allMatch(member ->
                                        member.assignment().topicPartitions().size() == 1);
            });
        }
    }

    /** All records of the boundary topic so far. */
    List<ConsumerRecord<byte[], byte[]>> boundaryRecords() {
        return client.records(topics.boundaries());
    }

    /** The boundary records of the adapter 'all' so far. */
    List<JsonNode> boundaries() {
        return client.values(topics.boundaries(), "all");
    }

    List<ConsumerRecord<byte[], byte[]>> states() {
        return client.records(topics.calibrationState());
    }

    List<ConsumerRecord<byte[], byte[]>> deadLetters() {
        return client.records(topics.validationDeadLetters());
    }

    /** The decisions on the adapter 'all' so far. */
    List<JsonNode> decisions() {
        return client.values(topics.boundaryDecisions(), "all");
    }

    /** Waits for a decision over this number of examples, and returns the last decision on the adapter 'all'. */
    JsonNode awaitExamples(long examples) {
        Awaitility.await("a decision over " + examples + " examples")
                .atMost(Duration.ofSeconds(30))
                .until(() -> decisions().stream()
                        .anyMatch(decision ->
                                decision.path("epoch").path("examples").asLong() == examples));
        List<JsonNode> all = decisions();
        return all.get(all.size() - 1);
    }

    void awaitCommitted(int partition, long offset) {
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .until(() -> client.committed(group(), validationBatches(partition)) >= offset);
    }

    /** The committed offset of a partition, with its metadata. */
    OffsetAndMetadata committed(int partition) {
        try (Admin admin = Admin.create(kafka.properties())) {
            return await(admin.listConsumerGroupOffsets(group()).partitionsToOffsetAndMetadata())
                    .get(validationBatches(partition));
        }
    }

    /** Commits an offset for the calibrators, none of which may run. */
    void commit(int partition, long offset, String metadata) {
        try (Admin admin = Admin.create(kafka.properties())) {
            OffsetAndMetadata committed = new OffsetAndMetadata(offset, Optional.empty(), metadata);
            await(admin.alterConsumerGroupOffsets(group(), Map.of(validationBatches(partition), committed))
                    .all());
        }
    }

    /** Sets {@code max.message.bytes} of the topic of calibration states. */
    void limitStates(int bytes) {
        limit(topics.calibrationState(), bytes);
    }

    /** Sets {@code max.message.bytes} of the topic of dead letters. */
    void limitDeadLetters(int bytes) {
        limit(topics.validationDeadLetters(), bytes);
    }

    private void limit(String name, int bytes) {
        try (Admin admin = Admin.create(kafka.properties())) {
            ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, name);
            ConfigEntry limit = new ConfigEntry(TopicConfig.MAX_MESSAGE_BYTES_CONFIG, Integer.toString(bytes));
            await(admin.incrementalAlterConfigs(
                            Map.of(topic, List.of(new AlterConfigOp(limit, AlterConfigOp.OpType.SET))))
                    .all());
        }
    }

    private static <T> T await(KafkaFuture<T> call) {
        try {
            return call.get();
        } catch (InterruptedException | ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    Optional<String> disruption() {
        return calibrator.disruption();
    }

    String group() {
        return prefix + "calibrators";
    }

    /** The topic of validation batches. */
    String batches() {
        return topics.validationBatches();
    }

    private TopicPartition validationBatches(int partition) {
        return new TopicPartition(topics.validationBatches(), partition);
    }

    @Override
    public void close() throws InterruptedException {
        calibrator.close();
        client.close();
    }
}
