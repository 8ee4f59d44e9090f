package io.tidemark.stream.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterRefused;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.generation.Failure;
import io.tidemark.generation.FinishReason;
import io.tidemark.generation.GenerationListener;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.generation.RequestRefused;
import io.tidemark.message.RequestParser;
import io.tidemark.stream.metrics.WorkerMetrics;
import io.tidemark.stream.tables.BoundaryTable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("a request whose adapter is not in memory")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ColdAdapterTest {

    private static final String FAMILY = "llama-gqa";

    private final Map<String, CompletableFuture<AdapterLease>> asked = new ConcurrentHashMap<>();
    private FixtureModel fixture;
    private AdapterStore store;
    private MockProducer<byte[], byte[]> producer;
    private RecordingEngine engine;
    private RequestDesk desk;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load(FAMILY);
    }

    @AfterAll
    void close() {
        fixture.close();
    }

    @BeforeEach
    void open() {
        asked.clear();
        store = new AdapterStore(fixture.model());
        List.of("warm", "cold").forEach(id -> store.register(id, Folders.adapter(FAMILY, "qv")));
        producer = new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer());
        engine = new RecordingEngine();
        WorkerMetrics metrics = new WorkerMetrics(new SimpleMeterRegistry());
        AdapterChoice choice = new AdapterChoice(
                FAMILY, fixture.model().config().numLayers(), store, new BoundaryTable(), metrics);
        AnswerWriter writer = new AnswerWriter(producer, new AnswerTopics("results", "events", "letters"));
        Results results = new Results(
                new WorkerIdentity(FAMILY, fixture.model().config().numLayers(), "w"), Clock.systemUTC());
        desk = new RequestDesk(new RequestParser(10_000), new Admission(fixture.model(), choice), this::lease, engine,
                writer, new Replies(writer, results, metrics, choice::metricName));
    }

    @AfterEach
    void closeDesk() {
        desk.close();
        store.close();
    }

    /** What is warm comes at once; the rest when a test says so. */
    private CompletableFuture<AdapterLease> lease(String id) {
        return id.equals("warm") ? store.lease(id) : asked.computeIfAbsent(id, name -> new CompletableFuture<>());
    }

    private CompletableFuture<Void> ask(int offset, String model) {
        return ask(offset, model, 0);
    }

    private CompletableFuture<Void> ask(int offset, String model, long timestamp) {
        String body = "{\"id\": \"r%d\", \"model\": \"%s\", \"prompt\": \"x\", \"max_tokens\": 4}".formatted(offset, model);
        return desk.answer(new IncomingRequest(new ConsumerRecord<>("requests", 0, offset, timestamp, TimestampType.CREATE_TIME,
                0, 0, null, body.getBytes(StandardCharsets.UTF_8), new RecordHeaders(), Optional.empty()), 1));
    }

    private String results() {
        return producer.history().stream().filter(record -> record.topic().equals("results"))
                .map(record -> new String(record.value(), StandardCharsets.UTF_8)).reduce("", String::concat);
    }

    @Test
    @DisplayName("waits for it, and one behind it whose adapter is there does not")
    void warmOvertakes() {
        ask(1, "cold");
        ask(2, "warm");
        Awaitility.await().until(() -> engine.submitted.size() == 1);
        assertThat(engine.submitted.get(0).id()).startsWith("r2@");
        asked.get("cold").complete(store.waitFor("cold"));
        Awaitility.await().until(() -> engine.submitted.size() == 2);
        assertThat(engine.submitted.get(1).lora()).isPresent();
    }

    @Test
    @DisplayName("gets an error with the reason when the adapter can't be loaded")
    void refused(@TempDir Path folder) throws Exception {
        Files.writeString(folder.resolve("adapter_config.json"), "{");
        AdapterRefused reason = null;
        try {
            store.register("broken", folder);
        } catch (AdapterRefused e) {
            reason = e;
        }
        CompletableFuture<Void> answered = ask(1, "cold");
        Awaitility.await().until(() -> asked.containsKey("cold"));
        asked.get("cold").completeExceptionally(reason);
        assertThat(answered).succeedsWithin(Duration.ofSeconds(10));
        assertThat(results()).contains("adapter_unusable", "adapter_config.json", "server_error");
        assertThat(engine.submitted).isEmpty();
    }

    @Test
    @DisplayName("is cancelled in the engine as soon as it gets there, when it was cancelled while it waited")
    void cancelledWhileWaiting() {
        ask(1, "cold");
        Awaitility.await().until(() -> asked.containsKey("cold"));
        desk.cancel("r1", 0);
        assertThat(engine.cancelledAfterSubmission).isEmpty();
        asked.get("cold").complete(store.waitFor("cold"));
        Awaitility.await().until(() -> engine.cancelledAfterSubmission.size() == 1);
        assertThat(engine.cancelledAfterSubmission.get(0)).startsWith("r1@");
    }

    @Test
    @DisplayName("is cancelled although its cancellation was read before it, unless its record is the newer one")
    void cancelledBeforeItIsRead() {
        desk.cancel("r1", 500);
        desk.cancel("r2", 499);
        desk.cancel("r3", 500);
        List.of(1, 2, 3).forEach(offset -> ask(offset, "warm", 500));
        Awaitility.await().until(() -> engine.cancelledAfterSubmission.size() == 2);
        assertThat(engine.submitted).hasSize(3);
        assertThat(engine.cancelledAfterSubmission).extracting(id -> id.substring(0, 2)).containsExactly("r1", "r3");
    }

    @Test
    @DisplayName("is refused before anything is loaded, when it can't run anyway")
    void refusedBeforeLoading() {
        String body = "{\"id\": \"r\", \"model\": \"cold\", \"prompt\": \"x\", \"max_tokens\": 100000}";
        assertThat(desk.answer(new IncomingRequest(
                new ConsumerRecord<>("requests", 0, 1, null, body.getBytes(StandardCharsets.UTF_8)), 1)))
                .succeedsWithin(Duration.ofSeconds(10));
        assertThat(results()).contains("context_length_exceeded");
        assertThat(asked).isEmpty();
    }

    @Test
    @DisplayName("holds its adapter until its end, whatever the end is")
    void holdsUntilTheEnd() {
        try (AdapterStore small = new AdapterStore(fixture.model(), fixture.adapter("qv").bytes())) {
            List.of("warm", "cold").forEach(id -> small.register(id, Folders.adapter(FAMILY, "qv")));
            ask(1, "cold");
            Awaitility.await().until(() -> asked.containsKey("cold"));
            asked.get("cold").complete(small.waitFor("cold"));
            Awaitility.await().until(() -> engine.listeners.size() == 1);
            CompletableFuture<AdapterLease> other = small.lease("warm");
            Awaitility.await().until(() -> small.figures().evictions() == 1);
            assertThat(other).isNotDone();
            engine.listeners.get(0).onFinished(new Failure("r1", "engine_error", "it broke"));
            assertThat(other).succeedsWithin(Duration.ofSeconds(10));
        }
    }

    @Test
    @DisplayName("is handed back unanswered, and lets its adapter go, when the worker stops before it came")
    void handedBack() {
        CompletableFuture<Void> answered = ask(1, "cold");
        Awaitility.await().until(() -> asked.containsKey("cold"));
        assertThat(desk.finishOrHandBack(Duration.ZERO)).isEqualTo(1);
        try (AdapterStore small = new AdapterStore(fixture.model(), fixture.adapter("qv").bytes())) {
            List.of("warm", "cold").forEach(id -> small.register(id, Folders.adapter(FAMILY, "qv")));
            asked.get("cold").complete(small.waitFor("cold"));
            assertThat(small.lease("warm")).succeedsWithin(Duration.ofSeconds(10));
        }
        assertThat(answered).isNotDone();
        assertThat(engine.submitted).isEmpty();
    }

    /** Runs nothing, and knows what it was told. */
    private static final class RecordingEngine implements Engine {

        private final List<GenerationRequest> submitted = new CopyOnWriteArrayList<>();
        private final List<GenerationListener> listeners = new CopyOnWriteArrayList<>();
        private final List<String> cancelledAfterSubmission = new CopyOnWriteArrayList<>();

        @Override
        public void requireRunnable(GenerationRequest request) throws RequestRefused {
            if (request.maxTokens() > 1000) {
                throw new RequestRefused("context_length_exceeded", "max_tokens", "that is too long");
            }
        }

        @Override
        public void submit(GenerationRequest request, GenerationListener listener) {
            submitted.add(request);
            listeners.add(listener);
        }

        @Override
        public void cancel(String engineId, FinishReason reason) {
            if (submitted.stream().anyMatch(request -> request.id().equals(engineId))) {
                cancelledAfterSubmission.add(engineId);
            }
        }
    }
}
