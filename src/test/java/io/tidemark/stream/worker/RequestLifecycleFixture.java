package io.tidemark.stream.worker;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.generation.StopConditions;
import io.tidemark.load.WorkEstimate;
import io.tidemark.message.Parsed;
import io.tidemark.message.RequestMessage;
import io.tidemark.message.TopicJson;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.metrics.WorkerMetrics;
import io.tidemark.stream.tables.BoundaryTable;
import io.tidemark.stream.topics.ReplyTopics;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.awaitility.Awaitility;

/**
 * A request life cycle on a recording engine. Adapter 'warm' is loaded; the test completes the lease of adapter 'cold'.
 */
final class RequestLifecycleFixture implements AutoCloseable {

    private static final String FAMILY = "llama-gqa";

    private final Map<String, CompletableFuture<AdapterLease>> leases = new ConcurrentHashMap<>();
    private final List<Answer> answers = new CopyOnWriteArrayList<>();
    private final RecordingEngine engine = new RecordingEngine();
    private final FixtureModel fixture = FixtureModel.load(FAMILY);
    private final AdapterStore store = new AdapterStore(fixture.model());
    private final RequestLifecycle requests;

    RequestLifecycleFixture() {
        register(store);
        WorkerMetrics metrics = new WorkerMetrics(new SimpleMeterRegistry());
        Admission admission =
                new Admission(fixture.model(), store, new BoundaryTable(), metrics, AdapterSuggestions.NONE);
        Results results = new Results(FAMILY, fixture.model().config().numLayers(), "w", Clock.systemUTC());
        ReplyRouting routing = new ReplyRouting(
                TestSettings.with(Map.of()).replies(), new ReplyTopics("results", Map.of("results", 1)));
        requests = new RequestLifecycle(
                10_000,
                admission,
                this::lease,
                engine,
                new EventWriter(routing, event -> {}),
                new Answers(results, metrics, new WorkEstimate(engine), admission::metricTag),
                routing,
                Clock.systemUTC());
    }

    /** A store of both adapters with memory for one of them. */
    AdapterStore smallStore() {
        AdapterStore small =
                new AdapterStore(fixture.model(), fixture.adapter("qv").bytes());
        register(small);
        return small;
    }

    private static void register(AdapterStore store) {
        List.of("warm", "cold").forEach(id -> store.register(id, Folders.adapter(FAMILY, "qv")));
    }

    RequestLifecycle requests() {
        return requests;
    }

    RecordingEngine engine() {
        return engine;
    }

    AdapterStore store() {
        return store;
    }

    /** Waits until a request has asked for the cold adapter. Returns its lease, which the test completes. */
    CompletableFuture<AdapterLease> awaitColdLease() {
        Awaitility.await().until(() -> leases.containsKey("cold"));
        return leases.get("cold");
    }

    boolean noAdapterRequested() {
        return leases.isEmpty();
    }

    /** Delivers a request with id {@code rOFFSET} for an adapter. */
    CompletableFuture<Answer> deliver(int offset, String model) {
        return deliver(offset, model, 0);
    }

    CompletableFuture<Answer> deliver(int offset, String model, long timestamp) {
        return deliver(
                offset,
                timestamp,
                "{\"id\": \"r%d\", \"model\": \"%s\", \"prompt\": \"x\", \"max_tokens\": 4}".formatted(offset, model));
    }

    CompletableFuture<Answer> deliver(int offset, long timestamp, String body) {
        return deliver(incoming(offset, timestamp, body));
    }

    CompletableFuture<Answer> deliver(IncomingRequest incoming) {
        CompletableFuture<Answer> answer = requests.answer(incoming);
        answer.thenAccept(answers::add);
        return answer;
    }

    static IncomingRequest incoming(int offset, long timestamp, String body) {
        return new IncomingRequest(
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
                1);
    }

    /** All results, concatenated. */
    String results() {
        return answers.stream()
                .map(answer -> new String(TopicJson.write(answer.result()), StandardCharsets.UTF_8))
                .reduce("", String::concat);
    }

    /** A valid request for the base model of two layers, with id {@code r}. */
    static AdmittedRequest admitted(byte[] request) {
        RequestMessage message = ((Parsed.Valid<RequestMessage>) RequestMessage.parse(request, 1000)).record();
        GenerationParams params = new GenerationParams(
                StopConditions.after(4), SamplingParams.GREEDY, 1, message.n(), OptionalInt.empty());
        return new AdmittedRequest(
                "r",
                message,
                Optional.empty(),
                new GenerationRequest("r", List.of(1), params, Optional.empty(), Boundary.full(2)));
    }

    private CompletableFuture<AdapterLease> lease(String id) {
        return id.equals("warm") ? store.lease(id) : leases.computeIfAbsent(id, name -> new CompletableFuture<>());
    }

    @Override
    public void close() {
        requests.close();
        store.close();
        fixture.close();
    }
}
