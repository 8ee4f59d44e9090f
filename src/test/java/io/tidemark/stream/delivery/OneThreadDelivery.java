package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.NewThreads;
import io.tidemark.generation.FinishReason;
import io.tidemark.load.HeapBudget;
import io.tidemark.load.WorkEstimate;
import io.tidemark.request.Answer;
import io.tidemark.request.RecordingEngine;
import io.tidemark.request.RequestFixtures;
import io.tidemark.request.RequestListener;
import io.tidemark.request.RequestRunner;
import io.tidemark.request.Watchdog;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.TopicClient;
import io.tidemark.stream.delivery.partition.CommitMetadata;
import io.tidemark.stream.delivery.partition.CrashHistory;
import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.topics.TransactionalId;
import io.tidemark.time.VirtualTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * The delivery of a worker's requests on the thread of the test, with virtual time, a cluster in memory and an engine
 * whose requests the test ends. Each request topic has two partitions. The worker runs four requests at a time.
 */
final class OneThreadDelivery implements AutoCloseable {

    static final String OWNER = "group/w-1";
    static final TransactionalId PROCESS = new TransactionalId("group", OWNER);
    private static final TopicLayout TOPICS =
            TopicLayout.of(TestSettings.with(Map.of()).topics());
    static final TopicPartition FIRST = new TopicPartition(TOPICS.requests(), 0);
    static final TopicPartition SECOND = new TopicPartition(TOPICS.requests(), 1);
    static final Instant START = new VirtualTime().instant();

    /** Its share of open requests is 32 MiB, and its share of read records 16 MiB. */
    static final HeapBudget BUDGET = new HeapBudget(HeapBudget.MIN_HEAP_BYTES, 1 << 16);

    /** A first step is a suspect after 10 s. */
    private static final Watchdog.TimeLimits LIMITS =
            new Watchdog.TimeLimits(Duration.ofSeconds(18), Duration.ofSeconds(18));

    private final NewThreads threads = new NewThreads();
    private final VirtualTime time = new VirtualTime();
    private final RecordingEngine engine = new RecordingEngine();
    private boolean outage;
    private final LoopControl control = new LoopControl(Duration.ofSeconds(30), () -> outage, time);
    private final DeliveryStatus status = new DeliveryStatus(time);
    private final List<Answer> committed = new ArrayList<>();
    private final List<Throwable> failures = new ArrayList<>();
    private final LanguageModel model;
    private final TopicLayout topics;
    private final Tenants tenants;
    private final AdapterStore adapters;
    private final SimulatedKafka kafka;
    private final RequestRunner requests;
    private GroupSession session;

    /** The worker owns {@link #FIRST}, and its session is open. */
    OneThreadDelivery(FixtureModel model) {
        this(model, TOPICS, Deliveries.tenants(TOPICS.requestTopics()), FIRST);
    }

    /** The session is open. */
    OneThreadDelivery(FixtureModel fixture, TopicLayout topics, Tenants tenants, TopicPartition... assigned) {
        this.model = fixture.model();
        this.topics = topics;
        this.tenants = tenants;
        adapters = new AdapterStore(model);
        Map<String, Integer> partitions = new HashMap<>(Map.of(topics.results(), 1, topics.deadLetters(), 1));
        topics.requestTopics().forEach(topic -> partitions.put(topic, 2));
        kafka = new SimulatedKafka(time, partitions);
        kafka.assign(assigned);
        requests = Deliveries.runner(
                model,
                adapters,
                engine,
                "w",
                RequestFixtures.threads(Runnable::run, Runnable::run, RequestFixtures.timer(time), LIMITS),
                time,
                failures::add);
        openSession();
    }

    private DeliveryLoop newLoop(HeapBudget budget) {
        RequestListener listener = new RequestListener() {
            @Override
            public void onCommitted(Answer answer, long nanos) {
                committed.add(answer);
            }
        };
        return new DeliveryLoop(
                new DeliveryOptions(PROCESS, 4, 0.1, Deliveries.MAX_REQUEST_BYTES, budget, Duration.ofSeconds(10)),
                new DeliveryLoop.DeliveryCluster(kafka, topics, tenants, Deliveries.toResults(topics.results())),
                new DeliveryLoop.Requests(requests, new WorkEstimate(engine), listener, model -> false),
                control,
                status,
                new DeliveryLoop.Threads(Runnable::run, Runnable::run),
                time);
    }

    SimulatedKafka kafka() {
        return kafka;
    }

    RecordingEngine engine() {
        return engine;
    }

    /** No broker responds, as the watch of the cluster says. */
    void beginOutage() {
        outage = true;
    }

    LoopControl control() {
        return control;
    }

    DeliveryStatus status() {
        return status;
    }

    VirtualTime time() {
        return time;
    }

    RequestRunner requests() {
        return requests;
    }

    void openSession() {
        openSession(BUDGET);
    }

    void openSession(HeapBudget budget) {
        session = newLoop(budget).open();
        session.subscribe(topics.requestTopics());
    }

    void closeSession() {
        session.close();
    }

    /** Runs the loop, which opens sessions, until the control ends it. */
    void runLoop() {
        newLoop(BUDGET).run();
    }

    /** @return whether the session goes on */
    boolean turn() {
        return session.turn();
    }

    /** Runs turns of a session that goes on. */
    void turns(int count) {
        for (int i = 0; i < count; i++) {
            assertThat(session.turn()).isTrue();
        }
    }

    /** Writes a request for the base model. */
    void send(TopicPartition partition) {
        send(partition, "");
    }

    /** @param fields more fields of the request, each with a comma before it */
    void send(TopicPartition partition, String fields) {
        kafka.append(
                partition,
                null,
                TopicClient.bytes("{\"model\": \"" + model.name() + "\", \"prompt\": \"x\"" + fields + "}"));
    }

    /** Commits offset 0 of a partition, as its last owner has left it. */
    void commit(TopicPartition partition, Optional<String> owner, CrashHistory crashes, int... finished) {
        kafka.commit(
                partition,
                new OffsetAndMetadata(
                        0,
                        Deliveries.metadata(owner, false, crashes, Deliveries.bits(finished))
                                .toString()));
    }

    /** Sends requests to the first partition and ends them. */
    void answerAll(int count) {
        for (int i = 0; i < count; i++) {
            send(FIRST);
            turns(3);
            finish("0@" + i);
        }
        turns(2);
        assertThat(kafka.committed(FIRST)).map(OffsetAndMetadata::offset).contains((long) count);
    }

    /** The requests that were started, as {@code PARTITION@OFFSET}, in their order. */
    List<String> started() {
        return engine.sources();
    }

    /** Ends the first delivery of a request in the engine. */
    void finish(String request) {
        engine.finish(started().indexOf(request), "done", FinishReason.STOP);
    }

    List<JsonNode> results() {
        return kafka.records(topics.results()).stream()
                .map(record -> TopicClient.json(record.value()))
                .toList();
    }

    /** The requests that have a result, as {@code PARTITION@OFFSET}, with repetitions. */
    List<String> answered() {
        return Deliveries.sources(results());
    }

    /** The answers of which the loop has told its listener that they are committed. */
    List<Answer> committed() {
        return committed;
    }

    CommitMetadata metadata(TopicPartition partition) {
        return CommitMetadata.of(
                partition.toString(), kafka.committed(partition).orElseThrow());
    }

    /** Checks that no request has failed without an answer, and that no thread was started. */
    @Override
    public void close() {
        adapters.close();
        assertThat(failures).isEmpty();
        threads.assertNone();
    }
}
