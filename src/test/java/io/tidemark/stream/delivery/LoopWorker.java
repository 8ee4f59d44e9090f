package io.tidemark.stream.delivery;

import io.tidemark.generation.FinishReason;
import io.tidemark.load.HeapBudget;
import io.tidemark.load.WorkEstimate;
import io.tidemark.request.Answer;
import io.tidemark.request.RecordingEngine;
import io.tidemark.request.RequestFixtures;
import io.tidemark.request.RequestListener;
import io.tidemark.request.RequestRunner;
import io.tidemark.stream.delivery.reply.EventWriter;
import io.tidemark.stream.delivery.reply.ReplyRouting;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.ReplyTopics;
import io.tidemark.stream.topics.TransactionalId;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;

/**
 * A worker with a recording engine, whose requests the test ends. A thread runs its loop; one each runs admission,
 * deadlines, transactions and probes.
 */
final class LoopWorker {

    /** Options of a worker, and what happens on its thread of requests. */
    static final class Setup {
        int maxRunning = 4;
        Duration grace = Duration.ZERO;
        Duration revokeGrace = Duration.ofSeconds(20);
        Runnable onCommitted = () -> {};
        final Map<String, Object> properties = new HashMap<>();

        Setup maxRunning(int requests) {
            maxRunning = requests;
            return this;
        }

        Setup grace(Duration time) {
            grace = time;
            return this;
        }

        /** @param hook called on the thread of requests for each committed result */
        Setup onCommitted(Runnable hook) {
            onCommitted = hook;
            return this;
        }

        Setup property(String name, Object value) {
            properties.put(name, value);
            return this;
        }
    }

    private final String name;
    private final String transactionalId;
    private final RecordingEngine engine = new RecordingEngine();
    private final WorkEstimate work = new WorkEstimate(engine);
    private final ExecutorService admission = Executors.newSingleThreadExecutor();
    private final ExecutorService transactions = Executors.newSingleThreadExecutor();
    private final ExecutorService probes = Executors.newSingleThreadExecutor();
    private final ScheduledExecutorService deadlines = Executors.newSingleThreadScheduledExecutor();
    private final LoopControl control;
    private final DeliveryStatus status = new DeliveryStatus(Time.system());
    private final RequestRunner requests;
    private final Thread thread;
    /** Indices of ended requests in the order of their start. */
    private final Set<Integer> finished = new HashSet<>();

    LoopWorker(LoopFixture cluster, LoopTopics of, Setup setup, String name) {
        this.name = name;
        this.transactionalId = of.group() + "/" + name;
        control = new LoopControl(setup.grace, () -> false, Time.system());
        requests = Deliveries.runner(
                cluster.model(),
                cluster.adapters(),
                engine,
                name,
                RequestFixtures.threads(admission, this::schedule),
                Time.system(),
                failure -> control.crash());
        Map<String, Object> properties = new HashMap<>(Map.of(
                "bootstrap.servers",
                cluster.bootstrapServers(),
                "session.timeout.ms",
                6000,
                "heartbeat.interval.ms",
                200));
        properties.putAll(setup.properties);
        RequestListener listener = new RequestListener() {
            @Override
            public void onCommitted(Answer answer, long nanos) {
                setup.onCommitted.run();
            }
        };
        DeliveryLoop loop = new DeliveryLoop(
                new DeliveryOptions(
                        new TransactionalId(of.group(), transactionalId),
                        setup.maxRunning,
                        0.1,
                        Deliveries.MAX_REQUEST_BYTES,
                        new HeapBudget(Runtime.getRuntime().maxMemory(), 1 << 20),
                        setup.revokeGrace),
                new DeliveryLoop.DeliveryCluster(
                        new KafkaConnection(properties),
                        of.layout(),
                        Deliveries.tenants(of.layout().requestTopics()),
                        new ReplyRouting(
                                List.of(), new ReplyTopics(of.results(), of.replies()), new EventWriter(event -> {}))),
                new DeliveryLoop.Requests(requests, work, listener, model -> false),
                control,
                status,
                new DeliveryLoop.Threads(transactions, probes),
                Time.system());
        thread = new Thread(loop::run, "requests of " + name);
    }

    private Runnable schedule(Duration delay, Runnable task) {
        Future<?> scheduled = deadlines.schedule(task, delay.toMillis(), TimeUnit.MILLISECONDS);
        return () -> scheduled.cancel(false);
    }

    /** Starts the thread of the loop. */
    void start() {
        thread.start();
    }

    String name() {
        return name;
    }

    String transactionalId() {
        return transactionalId;
    }

    RecordingEngine engine() {
        return engine;
    }

    RequestRunner requests() {
        return requests;
    }

    WorkEstimate work() {
        return work;
    }

    LoopControl control() {
        return control;
    }

    DeliveryStatus status() {
        return status;
    }

    /** Waits for the end of the loop, for as long as it may take after a stop. */
    boolean hasEnded() {
        try {
            thread.join(DeliveryLoop.END.toMillis());
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        return !thread.isAlive();
    }

    /** The requests that were started, as {@code PARTITION@OFFSET}, in their order. */
    List<String> started() {
        return engine.sources();
    }

    void awaitStarted(int count) {
        Awaitility.await().atMost(LoopFixture.TIMEOUT).until(() -> started().size() >= count);
    }

    void awaitStarted(String request) {
        Awaitility.await().atMost(LoopFixture.TIMEOUT).until(() -> started().contains(request));
    }

    /** Ends requests in the engine. */
    void finish(String... ended) {
        for (String request : ended) {
            finish(request, "done", FinishReason.STOP);
        }
    }

    /** Ends the latest delivery of a request in the engine. */
    void finish(String request, String text, FinishReason reason) {
        finish(started().lastIndexOf(request), text, reason);
    }

    private void finish(int index, String text, FinishReason reason) {
        finished.add(index);
        engine.finish(index, text, reason);
    }

    /** Ends some of the requests that were started, also of those that were abandoned. */
    void finishSome(Random random) {
        for (int i = 0; i < engine.submitted().size(); i++) {
            if (!finished.contains(i) && random.nextBoolean()) {
                finish(i, "done", FinishReason.STOP);
            }
        }
    }

    /** Ends the worker without a release of its partitions. */
    void kill() {
        requests.abandonAll();
        control.crash();
        end();
    }

    /** Ends the worker in order. */
    void stop() {
        control.stop();
        end();
    }

    private void end() {
        hasEnded();
        admission.shutdownNow();
        deadlines.shutdownNow();
        transactions.shutdownNow();
        probes.shutdownNow();
    }
}
