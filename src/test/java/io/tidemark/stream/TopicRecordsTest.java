package io.tidemark.stream;

import static io.tidemark.stream.WorkerTopics.BOUNDARIES;
import static io.tidemark.stream.WorkerTopics.DEAD_LETTERS;
import static io.tidemark.stream.WorkerTopics.EVENTS;
import static io.tidemark.stream.WorkerTopics.REQUESTS;
import static io.tidemark.stream.WorkerTopics.RESULTS;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.tidemark.cli.sending.CalibrationClient;
import io.tidemark.cli.sending.ExampleOrder;
import io.tidemark.cli.sending.RequestClient;
import io.tidemark.cli.sending.ResultListener;
import io.tidemark.client.AdapterTopic;
import io.tidemark.client.BatchOutcome;
import io.tidemark.client.BoundaryTopic;
import io.tidemark.client.Cluster;
import io.tidemark.client.DecisionTopic;
import io.tidemark.client.RequestResult;
import io.tidemark.client.Topics;
import io.tidemark.message.AdapterRecord;
import io.tidemark.message.AdapterVersion;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.BoundaryRecords;
import io.tidemark.message.CancellationMessage;
import io.tidemark.message.Provenance;
import io.tidemark.message.RawValidationBatch;
import io.tidemark.message.TopicJson;
import io.tidemark.schema.AsyncApi;
import io.tidemark.schema.PlantedFault;
import io.tidemark.schema.TopicRecord;
import jakarta.inject.Inject;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.awaitility.Awaitility;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The records on the topics")
@QuarkusTest
@QuarkusTestResource(BrokerResource.class)
class TopicRecordsTest {

    private static final String CANCELLATIONS = "generation-cancellations";
    private static final String BATCHES = "validation-batches";
    private static final String BATCH_LETTERS = "validation-dead-letters";
    /** The key of the records that this test makes invalid. */
    private static final String INVALID = "invalid";

    private static final int EXAMPLES = 8;

    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    private final AsyncApi api = AsyncApi.current();
    private final AsyncApi released = AsyncApi.released("0.1");

    @Inject
    TopicClient client;

    @ConfigProperty(name = "kafka.bootstrap.servers")
    String brokers;

    @Test
    @DisplayName("Of client, worker and calibrator satisfy the AsyncAPI document, and with one fault they do not")
    void satisfyTheDocument() {
        List<TopicRecord> records = new ArrayList<>();
        try (KafkaConsumer<byte[], byte[]> reader = reader()) {
            sendRequests();
            sendCancellations();
            sendBatches();
            setBoundaries();
            setAdapters();
            Awaitility.await().atMost(TIMEOUT).pollInSameThread().untilAsserted(() -> {
                reader.poll(Duration.ofMillis(100)).forEach(record -> records.add(captured(record)));
                assertThat(missing(records)).isEmpty();
            });
        }
        assertThat(records).filteredOn(record -> !isInvalid(record)).allSatisfy(record -> {
            assertThat(api.problems(record)).isEmpty();
            if (released.addresses().contains(record.topic())) {
                assertThat(released.problems(record)).as("by release 0.1").isEmpty();
            }
        });
        assertThat(records)
                .filteredOn(record -> Set.of(REQUESTS, EVENTS, RESULTS).contains(record.topic()))
                .filteredOn(record -> Set.of("records-1", "records-3").contains(TopicClient.text(record.key())))
                .hasSizeGreaterThan(3)
                .allSatisfy(record -> assertThat(record.headers())
                        .extracting(Header::key)
                        .as("an event, a result and an error")
                        .containsExactly("tidemark-correlation"));
        assertThat(records)
                .filteredOn(TopicRecordsTest::isInvalid)
                .hasSize(2)
                .allSatisfy(record -> assertThat(api.problems(record)).isNotEmpty());
        assertFaultsAreRefused(records);
    }

    private void assertFaultsAreRefused(List<TopicRecord> records) {
        for (PlantedFault fault : PlantedFault.all()) {
            TopicRecord record = records.stream()
                    .filter(each -> each.topic().equals(fault.topic()) && each.value() != null && !isInvalid(each))
                    .findFirst()
                    .orElseThrow();
            assertThat(api.problems(fault.plant().apply(record)))
                    .as(fault.toString())
                    .isNotEmpty();
        }
    }

    /** Streamed, with log-probabilities, as chat with two choices, refused, invalid, and with a reply topic. */
    private void sendRequests() {
        List<ObjectNode> requests = Stream.of("""
                        {"id": "records-1", "model": "qv", "prompt": "the river", "max_tokens": 4, "stream": true,
                         "logprobs": 2, "stop": ["zzz"], "logit_bias": {"3": 1.5}}""", """
                        {"id": "records-2", "model": "llama-gqa", "messages": [{"role": "user", "content": "hello"}],
                         "max_tokens": 3, "n": 2}""", """
                        {"id": "records-3", "model": "nobody", "prompt": "x"}""")
                .map(text -> (ObjectNode) TopicClient.json(TopicClient.bytes(text)))
                .toList();
        assertThat(send(requests)).hasSize(3);
        client.send(
                REQUESTS, INVALID, "{\"id\": \"records-4\", \"model\": \"qv\", \"prompt\": \"x\", \"max_tokens\": 0}");
        ProducerRecord<byte[], byte[]> withHeaders = new ProducerRecord<>(REQUESTS, null, TopicClient.bytes("""
                {"model": "qv", "prompt": "x", "max_tokens": 2, "stream": true}"""));
        withHeaders
                .headers()
                .add("traceparent", TopicClient.bytes("00-1234567890abcdef1234567890abcdef-1234567890abcdef-01"))
                .add("kafka_correlationId", new byte[] {-1, 0, -2})
                .add("kafka_replyTopic", TopicClient.bytes(BrokerResource.REPLIES))
                .add("kafka_replyPartition", ByteBuffer.allocate(4).putInt(1).array());
        client.send(withHeaders);
    }

    private List<RequestResult> send(List<ObjectNode> requests) {
        try (RequestClient requestClient = new RequestClient(new Cluster(brokers), topics())) {
            return requestClient.send(requests, ResultListener.NONE, TIMEOUT);
        }
    }

    private void sendCancellations() {
        client.send(CANCELLATIONS, "records-1", TopicJson.write(CancellationMessage.ofId("records-1")));
        client.send(
                CANCELLATIONS, null, TopicJson.write(CancellationMessage.ofSource(new Provenance.Source("t", 0, 1))));
    }

    /**
     * Two batches that are counted, one for an unknown adapter, and an invalid one. The test of the boundary in force
     * is looser than that of the settings, so that the calibrator replaces it.
     */
    private void sendBatches() {
        List<JsonNode> examples = IntStream.range(0, EXAMPLES)
                .mapToObj(i -> TopicClient.json(TopicClient.bytes(
                        "{\"prompt\": \"number " + i + "\", \"completion\": \"the answer " + i + "\"}")))
                .toList();
        assertThat(calibrate("qv", examples)).isEmpty();
        AdapterVersion version = new DecisionTopic(new Cluster(brokers), topics())
                .read("qv", 1)
                .last()
                .get(0)
                .version();
        client.send(
                BOUNDARIES,
                "qv",
                TopicJson.write(BoundaryRecords.calibrated("qv", version, 2, 2, 1, OptionalInt.of(4))));
        assertThat(calibrate("qv", examples)).isEmpty();
        assertThat(calibrate("nobody", examples)).hasSize(1);
        client.send(BATCHES, INVALID, "{\"batch_id\": \"b\", \"adapter\": \"qv\", \"examples\": []}");
    }

    /** Sends the examples as one batch, and returns the error if it is refused. */
    private List<String> calibrate(String adapter, List<JsonNode> examples) {
        List<String> refused = new ArrayList<>();
        new CalibrationClient(new Cluster(brokers), topics(), "tidemark-calibrators")
                .calibrate(
                        List.of(new ExampleOrder.LinedBatch(
                                        new RawValidationBatch(UUID.randomUUID().toString(), adapter, examples),
                                        List.of()))
                                .iterator(),
                        (outcome, lines) -> {
                            if (outcome instanceof BatchOutcome.Rejected rejected) {
                                refused.add(rejected.message());
                            }
                            return true;
                        },
                        TIMEOUT);
        return refused;
    }

    /** The boundaries of an operator, and tombstones, which leave the adapters as the other tests expect them. */
    private void setBoundaries() {
        BoundaryTopic boundaries = new BoundaryTopic(new Cluster(brokers), topics());
        boundaries.put(BoundaryRecord.setByHand("records", 2, "a test", Instant.now()));
        boundaries.remove("records");
        boundaries.remove("qv");
        ObjectNode request = (ObjectNode) TopicClient.json(TopicClient.bytes("""
                {"id": "records-full", "model": "qv", "prompt": "x", "max_tokens": 1}"""));
        Awaitility.await()
                .atMost(TIMEOUT)
                .until(() -> send(List.of(request))
                        .get(0)
                        .message()
                        .tidemark()
                        .boundaryOffset()
                        .isEmpty());
    }

    /** An adapter for another base model, which workers do not serve, an alias for it, and tombstones. */
    private void setAdapters() {
        AdapterTopic adapters = new AdapterTopic(new Cluster(brokers), topics());
        String digest = "3fa2".repeat(16);
        adapters.put(
                "records",
                new AdapterRecord.Stored(
                        "s3://none/records", digest, digest, Map.of("by", "a test"), AdapterRecord.Options.NONE));
        adapters.put(
                "records-alias",
                new AdapterRecord.Alias(List.of(new AdapterRecord.Target("records", 1)), Optional.of("user")));
        adapters.remove("records-alias");
        adapters.remove("records");
    }

    private static Topics topics() {
        return new Topics(
                REQUESTS,
                EVENTS,
                RESULTS,
                "generation-cancellations",
                BATCHES,
                BATCH_LETTERS,
                BOUNDARIES,
                "boundary-decisions",
                "calibration-state",
                "adapters",
                "worker-state");
    }

    /** Reads what is written to the topics of the document and the reply topic from now on. */
    private KafkaConsumer<byte[], byte[]> reader() {
        KafkaConsumer<byte[], byte[]> reader = new KafkaConsumer<>(
                Map.of("bootstrap.servers", brokers, "isolation.level", "read_committed"),
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer());
        Set<TopicPartition> partitions = Stream.concat(api.addresses().stream(), Stream.of(BrokerResource.REPLIES))
                .flatMap(topic -> reader.partitionsFor(topic).stream())
                .map(info -> new TopicPartition(info.topic(), info.partition()))
                .collect(Collectors.toSet());
        reader.assign(partitions);
        reader.seekToEnd(partitions);
        partitions.forEach(reader::position);
        return reader;
    }

    /** The records of a reply topic are results. */
    private static TopicRecord captured(ConsumerRecord<byte[], byte[]> record) {
        return TopicRecord.of(record.topic().equals(BrokerResource.REPLIES) ? RESULTS : record.topic(), record);
    }

    /** The topics of which some outcome of what was sent has not been read. */
    private Set<String> missing(List<TopicRecord> records) {
        Map<String, Integer> expected = Map.of(DEAD_LETTERS, 2, BATCH_LETTERS, 2, BOUNDARIES, 5, "adapters", 4);
        return api.addresses().stream()
                .filter(topic -> {
                    List<TopicRecord> read = records.stream()
                            .filter(record -> record.topic().equals(topic))
                            .toList();
                    boolean copied = !Set.of(EVENTS, RESULTS).contains(topic)
                            || read.stream()
                                    .flatMap(record -> record.headers().stream())
                                    .anyMatch(header -> header.key().equals("kafka_correlationId"));
                    return read.size() < expected.getOrDefault(topic, 1) || !copied;
                })
                .collect(Collectors.toSet());
    }

    private static boolean isInvalid(TopicRecord record) {
        return Set.of(REQUESTS, BATCHES).contains(record.topic()) && INVALID.equals(TopicClient.text(record.key()));
    }
}
