package io.tidemark.stream.worker;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.metrics.WorkerMetrics;
import io.tidemark.stream.tables.BoundaryTable;
import io.tidemark.stream.topics.TopicLayout;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.awaitility.Awaitility;

/** A desk before an engine that runs nothing; of its two adapters 'warm' is there at once, 'cold' when a test says so. */
final class DeskFixture implements AutoCloseable {

    private static final TopicLayout TOPICS =
            TopicLayout.of(TestSettings.with(Map.of()).topics());

    private static final String FAMILY = "llama-gqa";

    private final Map<String, CompletableFuture<AdapterLease>> asked = new ConcurrentHashMap<>();
    private final MockProducer<byte[], byte[]> producer =
            new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer());
    private final RecordingEngine engine = new RecordingEngine();
    private final FixtureModel fixture = FixtureModel.load(FAMILY);
    private final AdapterStore store = new AdapterStore(fixture.model());
    private final RequestLifecycle desk;

    DeskFixture() {
        register(store);
        WorkerMetrics metrics = new WorkerMetrics(new SimpleMeterRegistry());
        int layers = fixture.model().config().numLayers();
        AdapterChoice choice = new AdapterChoice(FAMILY, layers, store, new BoundaryTable(), metrics);
        AnswerWriter writer = new AnswerWriter(producer, TOPICS);
        Results results = new Results(new WorkerIdentity(FAMILY, layers, "w"), Clock.systemUTC());
        desk = new RequestLifecycle(
                10_000,
                new Admission(fixture.model(), choice),
                this::lease,
                engine,
                writer,
                new Replies(writer, results, metrics, choice::metricName));
    }

    /** A store of both adapters that has room for one. */
    AdapterStore smallStore() {
        AdapterStore small =
                new AdapterStore(fixture.model(), fixture.adapter("qv").bytes());
        register(small);
        return small;
    }

    private static void register(AdapterStore store) {
        List.of("warm", "cold").forEach(id -> store.register(id, Folders.adapter(FAMILY, "qv")));
    }

    RequestLifecycle desk() {
        return desk;
    }

    RecordingEngine engine() {
        return engine;
    }

    AdapterStore store() {
        return store;
    }

    /** The lease of the cold adapter, to be completed by the test, once somebody has asked for it. */
    CompletableFuture<AdapterLease> awaitColdAsked() {
        Awaitility.await().until(() -> asked.containsKey("cold"));
        return asked.get("cold");
    }

    boolean nothingIsAsked() {
        return asked.isEmpty();
    }

    /** A request {@code rOFFSET} for an adapter. */
    CompletableFuture<Void> ask(int offset, String model) {
        return ask(offset, model, 0);
    }

    CompletableFuture<Void> ask(int offset, String model, long timestamp) {
        return ask(
                offset,
                timestamp,
                "{\"id\": \"r%d\", \"model\": \"%s\", \"prompt\": \"x\", \"max_tokens\": 4}".formatted(offset, model));
    }

    CompletableFuture<Void> ask(int offset, long timestamp, String body) {
        return desk.answer(new IncomingRequest(
                new ConsumerRecord<>(
                        "requests",
                        0,
                        offset,
                        timestamp,
                        TimestampType.CREATE_TIME,
                        0,
                        0,
                        null,
                        body.getBytes(StandardCharsets.UTF_8),
                        new RecordHeaders(),
                        Optional.empty()),
                1));
    }

    /** All results so far, one text. */
    String results() {
        return producer.history().stream()
                .filter(record -> record.topic().equals(TOPICS.results()))
                .map(record -> new String(record.value(), StandardCharsets.UTF_8))
                .reduce("", String::concat);
    }

    private CompletableFuture<AdapterLease> lease(String id) {
        return id.equals("warm") ? store.lease(id) : asked.computeIfAbsent(id, name -> new CompletableFuture<>());
    }

    @Override
    public void close() {
        desk.close();
        store.close();
        fixture.close();
    }
}
