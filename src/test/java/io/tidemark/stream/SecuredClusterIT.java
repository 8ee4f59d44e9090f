package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.calibration.rule.EpochReset;
import io.tidemark.cli.sending.CalibrationClient;
import io.tidemark.cli.sending.ExampleOrder;
import io.tidemark.cli.sending.RequestClient;
import io.tidemark.cli.sending.ResultListener;
import io.tidemark.client.AdapterTopic;
import io.tidemark.client.BatchOutcome;
import io.tidemark.client.BoundaryTopic;
import io.tidemark.client.CalibrationStates;
import io.tidemark.client.ClientException;
import io.tidemark.client.Cluster;
import io.tidemark.client.DecisionTopic;
import io.tidemark.client.GenerationRequest;
import io.tidemark.client.KafkaTidemarkClient;
import io.tidemark.client.OpenRequest;
import io.tidemark.client.RequestResult;
import io.tidemark.client.TidemarkClient;
import io.tidemark.client.Topics;
import io.tidemark.client.WorkerStates;
import io.tidemark.message.AdapterRecord;
import io.tidemark.message.AdapterVersion;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.BoundaryRecords;
import io.tidemark.message.Parsed;
import io.tidemark.message.RawValidationBatch;
import io.tidemark.message.TableEntry;
import io.tidemark.message.UncountedExamples;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Properties;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Processes with the environment variables of the Kubernetes component {@code tls} against a broker that has the
 * listener, the users, the rights and the topics of the component {@code strimzi}.
 */
@DisplayName("On a cluster with TLS, SCRAM and ACLs, with the variables and the rights of k8s/")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SecuredClusterIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(60);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Topics TOPICS = Topics.DEFAULT;

    private SecuredBroker broker;

    @BeforeAll
    void startBroker(@TempDir Path folder) throws Exception {
        broker = SecuredBroker.start(folder);
    }

    @AfterAll
    void stopBroker() {
        broker.close();
    }

    @Test
    @DisplayName("A worker answers, and its successor answers what it left when it was killed")
    void worker() throws Exception {
        try (RequestClient client = new RequestClient(clientsCluster(), TOPICS)) {
            try (ServedProcess first = serve("worker").awaitReady()) {
                assertThat(client.send(List.of(request(5)), ResultListener.NONE, TIMEOUT))
                        .extracting(RequestResult::finishReason)
                        .containsExactly("length");
                List<ObjectNode> open = List.of(request(400), request(400), request(400));
                try (Producer<String, byte[]> producer = clientsCluster().producer()) {
                    for (ObjectNode each : open) {
                        producer.send(new ProducerRecord<>(TOPICS.requests(), JSON.writeValueAsBytes(each)))
                                .get();
                    }
                }
                first.kill();
                assertNoRightIsMissing(first);
            }
            try (ServedProcess second = serve("worker").awaitReady()) {
                assertThat(client.send(List.of(request(5)), ResultListener.NONE, TIMEOUT))
                        .hasSize(1);
                assertOneResultEach(5);
                assertNoRightIsMissing(second);
            }
        }
    }

    @Test
    @DisplayName("A calibrator counts a batch, and writes the boundary and the decision, which clients can read")
    void calibrator() throws Exception {
        JsonNode pairs = JSON.readTree(Path.of(BrokerResource.MODEL, "adapters/all/expected.json")
                        .toFile())
                .path("pairs");
        List<JsonNode> examples = new ArrayList<>();
        pairs.forEach(examples::add);
        try (ServedProcess calibrator = serve("calibrator").awaitReady()) {
            calibrate(examples);
            assertThat(uncounted("again", examples, TOPICS)).hasValue(new UncountedExamples(examples.size(), 0, 0));
            // the user may write to this topic and not read it
            assertThat(uncounted("unknown", examples, renamed(TOPICS.requests(), TOPICS.validationBatches())))
                    .isEmpty();
            // with a looser test, so that the calibrator replaces it
            Cluster operator = cluster("tidemark-operator");
            AdapterVersion version = new DecisionTopic(operator, TOPICS)
                    .read("all", 1)
                    .last()
                    .get(0)
                    .version();
            new BoundaryTopic(operator, TOPICS)
                    .put(BoundaryRecords.calibrated("all", version, 2, 2, 1, OptionalInt.of(6)));
            calibrate(examples);
            assertNoRightIsMissing(calibrator);
        }
        assertThat(new BoundaryTopic(clientsCluster(), TOPICS).read().get("all"))
                .isInstanceOfSatisfying(
                        TableEntry.Present.class,
                        present -> assertThat(present.record().reason()).contains("stricter_settings"));
        assertThat(new DecisionTopic(clientsCluster(), TOPICS).read("all", 1).last())
                .extracting(BoundaryDecisionRecord::reason)
                .containsExactly("stricter_settings");
    }

    private void calibrate(List<JsonNode> examples) {
        new CalibrationClient(cluster("tidemark-validation"), TOPICS, "tidemark-calibrators")
                .calibrate(
                        List.of(new ExampleOrder.LinedBatch(
                                        new RawValidationBatch(UUID.randomUUID().toString(), "all", examples),
                                        List.of()))
                                .iterator(),
                        (outcome, lines) -> {
                            assertThat(outcome).isInstanceOf(BatchOutcome.Counted.class);
                            return true;
                        },
                        TIMEOUT);
    }

    /** What a client tells about a batch that the calibrator counts. */
    private Optional<UncountedExamples> uncounted(String batchId, List<JsonNode> examples, Topics topics) {
        try (TidemarkClient client = KafkaTidemarkClient.builder(cluster("tidemark-validation"))
                .topics(topics)
                .validationOnly()
                .build()) {
            BatchOutcome outcome = client.validate(new RawValidationBatch(batchId, "all", examples))
                    .toCompletableFuture()
                    .join();
            return ((BatchOutcome.Counted) outcome).uncounted();
        }
    }

    @ParameterizedTest(name = "{0} to {1}")
    @DisplayName("Users can't write to a topic that is not theirs")
    @CsvSource({
        "tidemark-client, validation-batches",
        "tidemark-client, adapter-boundaries",
        "tidemark-validation, adapter-boundaries",
        "tidemark-calibrator, validation-batches",
        "tidemark-calibrator, generation-requests",
        "tidemark-operator, validation-batches",
        "tidemark-operator, calibration-state",
        "tidemark-operator, generation-requests",
        "tidemark-operator, worker-state",
        "tidemark-client, adapters",
        "tidemark-validation, adapters",
        "tidemark-worker, adapters",
        "tidemark-calibrator, adapters",
        "tidemark-publisher, worker-state",
        "tidemark-publisher, adapter-boundaries",
        "tidemark-publisher, generation-requests"
    })
    void noWrite(String user, String topic) {
        try (Producer<String, byte[]> producer = cluster(user).producer()) {
            assertThatThrownBy(() -> producer.send(new ProducerRecord<>(topic, new byte[0]))
                            .get())
                    .hasCauseInstanceOf(TopicAuthorizationException.class);
        }
    }

    @Test
    @DisplayName("A client without a right, or with a wrong password, fails with the topic and what to do")
    void clientRights() {
        assertThatThrownBy(() -> KafkaTidemarkClient.builder(cluster("tidemark-validation"))
                        .build())
                .isInstanceOf(ClientException.AccessDenied.class)
                .hasMessageContainingAll(TOPICS.results(), "grant the rights of a client");
        Map<String, String> properties = new HashMap<>(broker.clientProperties("tidemark-client"));
        properties.compute("sasl.jaas.config", (name, value) -> value.replace("password=\"", "password=\"not-"));
        assertThatThrownBy(() -> KafkaTidemarkClient.builder(new Cluster(broker.bootstrapServers(), properties))
                        .build())
                .isInstanceOf(ClientException.AccessDenied.class)
                .hasMessageContaining("check the credentials");
        try (TidemarkClient client =
                        KafkaTidemarkClient.builder(clientsCluster()).build();
                TidemarkClient reader = KafkaTidemarkClient.builder(cluster("tidemark-validation"))
                        .validationOnly()
                        .build()) {
            RawValidationBatch batch = new RawValidationBatch("b", "all", List.of());
            assertThatThrownBy(
                            () -> client.validate(batch).toCompletableFuture().join())
                    .hasCauseInstanceOf(ClientException.AccessDenied.class)
                    .hasMessageContaining("validation-dead-letters");
            assertThat(reader.boundaries()).isNotNull();
            assertThatThrownBy(() -> reader.submit(GenerationRequest.json(request(1))))
                    .isInstanceOf(IllegalStateException.class);
        }
        // a topic that this user may read and not write
        try (TidemarkClient worker = KafkaTidemarkClient.builder(clientsCluster())
                .topics(renamed(TOPICS.boundaries(), TOPICS.calibrationState()))
                .build()) {
            OpenRequest refused = worker.submit(GenerationRequest.json(request(1)));
            assertThatThrownBy(() -> refused.result().toCompletableFuture().join())
                    .hasCauseInstanceOf(ClientException.AccessDenied.class)
                    .hasMessageContaining(refused.id());
        }
    }

    private static Topics renamed(String requests, String calibrationState) {
        return new Topics(
                requests,
                TOPICS.events(),
                TOPICS.results(),
                TOPICS.cancellations(),
                TOPICS.validationBatches(),
                TOPICS.validationDeadLetters(),
                TOPICS.boundaries(),
                TOPICS.boundaryDecisions(),
                calibrationState,
                TOPICS.adapters(),
                TOPICS.workerState());
    }

    @Test
    @DisplayName("An operator pins and resets an adapter, and reads what calibrators have decided and counted")
    void operator() {
        Cluster cluster = cluster("tidemark-operator");
        BoundaryTopic boundaries = new BoundaryTopic(cluster, TOPICS);
        DecisionTopic decisions = new DecisionTopic(cluster, TOPICS);
        boundaries.put(BoundaryRecord.setByHand("operated", 2, "a test", Instant.EPOCH));
        assertThat(boundaries.read()).containsKey("operated");
        BoundaryRecord calibrated =
                BoundaryRecords.calibrated("operated", BoundaryRecords.VERSION, 2, 1, 1, OptionalInt.of(4));
        EpochReset reset = EpochReset.of(
                        "operated", Optional.of(calibrated), Optional.empty(), List.of(), Instant.EPOCH)
                .orElseThrow();
        decisions.put(reset.decision());
        assertThat(decisions.read("operated", 1).last()).containsExactly(reset.decision());
        assertThat(new CalibrationStates(cluster, TOPICS).read("operated")).isEmpty();
        boundaries.remove("operated");
        assertThat(boundaries.read()).doesNotContainKey("operated");
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"tidemark-operator", "tidemark-publisher"})
    @DisplayName("An operator or a publisher writes and removes an adapter, and reads the states of workers")
    void adapters(String user) {
        Cluster cluster = cluster(user);
        AdapterTopic adapters = new AdapterTopic(cluster, TOPICS);
        String digest = "3fa2".repeat(16);
        AdapterRecord.Stored record =
                new AdapterRecord.Stored("s3://none/a", digest, digest, Map.of(), AdapterRecord.Options.NONE);
        long offset = adapters.put(user, record);
        assertThat(adapters.read().get(user)).isEqualTo(new AdapterTopic.Entry(new Parsed.Valid<>(record), offset));
        assertThat(adapters.remove(user)).isGreaterThan(offset);
        assertThat(adapters.read()).doesNotContainKey(user);
        assertThat(new WorkerStates(cluster, TOPICS).read()).isNotNull();
    }

    @Test
    @DisplayName("A scaler reads the offsets of the workers' group, and no record")
    void scaler() throws Exception {
        Map<String, String> properties = broker.clientProperties("tidemark-scaler");
        TopicPartition partition = new TopicPartition(TOPICS.requests(), 0);
        try (Admin admin = Admin.create(new HashMap<>(properties))) {
            assertThat(admin.listOffsets(Map.of(partition, OffsetSpec.latest()))
                            .all()
                            .get())
                    .containsKey(partition);
            assertThat(admin.listConsumerGroupOffsets("tidemark-workers")
                            .partitionsToOffsetAndMetadata()
                            .get())
                    .isNotNull();
            assertThat(admin.listTopics().names().get()).isEqualTo(Set.of(TOPICS.requests()));
        }
        Properties all = new Properties();
        all.putAll(properties);
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            assertThatThrownBy(() -> consumer.poll(Duration.ofSeconds(10)))
                    .isInstanceOf(TopicAuthorizationException.class);
        }
    }

    @Test
    @DisplayName("A client without a user is refused")
    void anonymous() throws Exception {
        Map<String, String> properties = broker.clientProperties("tidemark-client");
        properties.put("security.protocol", "SSL");
        properties.put("default.api.timeout.ms", "3000");
        properties.put("request.timeout.ms", "2000");
        try (Admin admin = Admin.create(new HashMap<>(properties))) {
            assertThatThrownBy(() -> admin.listTopics().names().get()).isInstanceOf(ExecutionException.class);
        }
    }

    private ServedProcess serve(String role) {
        Map<String, String> environment = broker.environment("tidemark-" + role);
        environment.put("TIDEMARK_ROLE", role);
        return ServedProcess.start(broker.bootstrapServers(), environment);
    }

    /** Reads the results with a group of the client. */
    private void assertOneResultEach(int requests) {
        try (KafkaConsumer<String, byte[]> results = member("tidemark-client-results", TOPICS.results())) {
            List<String> ids = new ArrayList<>();
            Awaitility.await().atMost(TIMEOUT).until(() -> {
                results.poll(Duration.ofMillis(100)).forEach(record -> ids.add(record.key()));
                return ids.size() >= requests;
            });
            assertThat(ids).hasSize(requests).doesNotHaveDuplicates();
        }
    }

    private static void assertNoRightIsMissing(ServedProcess process) {
        assertThat(process.log()).doesNotContainIgnoringCase("not authorized");
    }

    private static ObjectNode request(int tokens) {
        return JSON.createObjectNode()
                .put("id", UUID.randomUUID().toString())
                .put("model", "all")
                .put("prompt", "x")
                .put("max_tokens", tokens)
                .put("ignore_eos", true);
    }

    private Cluster clientsCluster() {
        return cluster("tidemark-client");
    }

    private Cluster cluster(String user) {
        return new Cluster(broker.bootstrapServers(), broker.clientProperties(user));
    }

    private KafkaConsumer<String, byte[]> member(String group, String topic) {
        Properties properties = new Properties();
        properties.putAll(broker.clientProperties("tidemark-client"));
        properties.put("group.id", group);
        properties.put("auto.offset.reset", "earliest");
        properties.put("isolation.level", "read_committed");
        KafkaConsumer<String, byte[]> consumer =
                new KafkaConsumer<>(properties, new StringDeserializer(), new ByteArrayDeserializer());
        consumer.subscribe(List.of(topic));
        return consumer;
    }
}
