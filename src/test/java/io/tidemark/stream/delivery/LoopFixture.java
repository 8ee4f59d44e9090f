package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.generation.Completion;
import io.tidemark.generation.FinishReason;
import io.tidemark.load.HeapBudget;
import io.tidemark.load.WorkEstimate;
import io.tidemark.request.AdapterSuggestions;
import io.tidemark.request.Admission;
import io.tidemark.request.Answer;
import io.tidemark.request.Answers;
import io.tidemark.request.RecordingEngine;
import io.tidemark.request.RequestFixtures;
import io.tidemark.request.RequestListener;
import io.tidemark.request.RequestRunner;
import io.tidemark.stream.TopicClient;
import io.tidemark.stream.settings.ValidationTopics;
import io.tidemark.stream.tables.BoundaryTable;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.ReplyTopics;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.time.Time;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.awaitility.Awaitility;

/**
 * A broker and the loops of several workers, whose requests the test ends. What workers have written is read by a
 * consumer that shares no code with them.
 */
final class LoopFixture implements AutoCloseable {

    static final String LETTERS = "letters";

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final String FAMILY = "llama-gqa";

    private final EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
    private final Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
    private final KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new ByteArraySerializer(),
            new ByteArraySerializer());
    private final FixtureModel fixture = FixtureModel.load(FAMILY);
    private final AdapterStore store = new AdapterStore(fixture.model());
    private int cases;
    private boolean stopped;

    Admin admin() {
        return admin;
    }

    String bootstrapServers() {
        return broker.bootstrapServers();
    }

    void stopBroker() {
        stopped = true;
        broker.close();
    }

    /** Creates the topics of a case: one request topic, and results and dead letters with one partition. */
    Case newCase(int partitions) {
        return newCase(partitions, 1, Map.of());
    }

    /** @param configs of the topics of results and dead letters, by {@code TOPIC.NAME} */
    Case newCase(int partitions, int requestTopics, Map<String, String> configs) {
        return new Case("c" + ++cases, partitions, requestTopics, configs);
    }

    private void create(NewTopic topic) {
        await(admin.createTopics(List.of(topic)).all());
    }

    private static <T> T await(Future<T> call) {
        try {
            return call.get();
        } catch (InterruptedException | ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Topics and a consumer group of their own. */
    final class Case implements AutoCloseable {

        private final String name;
        private final List<String> requestTopics = new ArrayList<>();
        private final TopicLayout layout;
        private final List<Worker> workers = new ArrayList<>();
        private final KafkaConsumer<byte[], byte[]> reader;
        private final List<ConsumerRecord<byte[], byte[]>> read = new ArrayList<>();
        private Map<String, Integer> replies;

        private Case(String name, int partitions, int topics, Map<String, String> configs) {
            this.name = name;
            for (int i = 0; i < topics; i++) {
                requestTopics.add(name + "-requests" + i);
                create(new NewTopic(requestTopics.get(i), partitions, (short) 1));
            }
            for (String topic : List.of("results", LETTERS)) {
                Map<String, String> own = new HashMap<>();
                configs.forEach((key, value) -> {
                    if (key.startsWith(topic + ".")) {
                        own.put(key.substring(topic.length() + 1), value);
                    }
                });
                create(new NewTopic(name + "-" + topic, 1, (short) 1).configs(own));
            }
            replies = Map.of(results(), 1);
            layout = new TopicLayout(
                    requestTopics,
                    name + "-events",
                    results(),
                    name + "-cancellations",
                    name + "-" + LETTERS,
                    new ValidationTopics(List.of(new ValidationTopics.Topic(name + "-batches", ""))),
                    name + "-batch-letters",
                    name + "-boundaries",
                    name + "-state",
                    partitions,
                    1,
                    (short) 1);
            reader = new KafkaConsumer<>(
                    Map.of(
                            "bootstrap.servers",
                            broker.bootstrapServers(),
                            "auto.offset.reset",
                            "earliest",
                            "isolation.level",
                            "read_committed"),
                    new ByteArrayDeserializer(),
                    new ByteArrayDeserializer());
            reader.assign(List.of(new TopicPartition(results(), 0), new TopicPartition(name + "-" + LETTERS, 0)));
        }

        String group() {
            return name;
        }

        /** The name of the base model. */
        String model() {
            return fixture.model().name();
        }

        String results() {
            return name + "-results";
        }

        TopicLayout layout() {
            return layout;
        }

        TopicPartition partition(int number) {
            return new TopicPartition(requestTopics.get(0), number);
        }

        /** Permits a reply topic, which is created. */
        String addReplyTopic() {
            return addReplyTopic(1, Map.of());
        }

        /** Permits a reply topic, which is created with these configs. */
        String addReplyTopic(int partitions, Map<String, String> configs) {
            String topic = name + "-reply";
            create(new NewTopic(topic, partitions, (short) 1).configs(configs));
            replies = Map.of(results(), 1, topic, partitions);
            return topic;
        }

        /** Deletes a reply topic and creates it again. */
        void replaceReplyTopic(String topic, int partitions) {
            await(admin.deleteTopics(List.of(topic)).all());
            Awaitility.await()
                    .atMost(TIMEOUT)
                    .until(() -> !await(admin.listTopics().names()).contains(topic));
            create(new NewTopic(topic, partitions, (short) 1));
        }

        /** Deletes the results topic. What was read from it is forgotten. */
        void deleteResults() {
            await(admin.deleteTopics(List.of(results())).all());
            read.clear();
        }

        void createResults() {
            create(new NewTopic(results(), 1, (short) 1));
            reader.seekToBeginning(reader.assignment());
        }

        /** Writes requests for the base model. Returns when they are in the topic. */
        void send(int partition, int count) {
            for (int i = 0; i < count; i++) {
                send(0, partition, "");
            }
        }

        /** @param fields more fields of the request, each with a comma before it */
        void send(int topic, int partition, String fields) {
            write(new ProducerRecord<>(
                    requestTopics.get(topic),
                    partition,
                    null,
                    TopicClient.bytes("{\"model\": \"" + fixture.model().name()
                            + "\", \"prompt\": \"x\", \"max_tokens\": 4" + fields + "}")));
        }

        /** Writes requests, two in a transaction. A fifth of the transactions, and the last one, are aborted. */
        void sendInTransactions(int partition, int count) {
            TopicPartition to = partition(partition);
            try (KafkaProducer<byte[], byte[]> client = new KafkaProducer<>(
                    Map.of("bootstrap.servers", broker.bootstrapServers(), "transactional.id", name + "-" + to),
                    new ByteArraySerializer(),
                    new ByteArraySerializer())) {
                client.initTransactions();
                byte[] request = TopicClient.bytes("{\"model\": \"" + model() + "\", \"prompt\": \"x\"}");
                for (int sent = 0; sent <= count; sent += 2) {
                    if (sent % 8 == 0 || sent == count) {
                        beginWithTwo(client, to, request);
                        client.flush();
                        client.abortTransaction();
                    }
                    if (sent < count) {
                        beginWithTwo(client, to, request);
                        client.commitTransaction();
                    }
                }
            }
        }

        private static void beginWithTwo(KafkaProducer<byte[], byte[]> client, TopicPartition to, byte[] request) {
            client.beginTransaction();
            client.send(new ProducerRecord<>(to.topic(), to.partition(), null, request));
            client.send(new ProducerRecord<>(to.topic(), to.partition(), null, request));
        }

        /** Deletes the records of a partition before an offset, as retention does. */
        void expire(TopicPartition partition, long before) {
            await(admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(before)))
                    .all());
        }

        /** Deletes the first request topic and creates it again. What was read of its results is forgotten. */
        void createRequestsAgain() {
            String topic = requestTopics.get(0);
            await(admin.deleteTopics(List.of(topic)).all());
            Awaitility.await().atMost(TIMEOUT).ignoreExceptions().until(() -> {
                create(new NewTopic(topic, layout.partitions(), (short) 1));
                return true;
            });
        }

        /** A client whose transactions the test begins and ends. */
        KafkaProducer<byte[], byte[]> newTransactionalClient() {
            KafkaProducer<byte[], byte[]> client = new KafkaProducer<>(
                    Map.of("bootstrap.servers", broker.bootstrapServers(), "transactional.id", name + "-client"),
                    new ByteArraySerializer(),
                    new ByteArraySerializer());
            client.initTransactions();
            return client;
        }

        /** Waits until the ends of the partitions of the first request topic are committed. */
        void awaitNoLag() {
            for (int partition = 0; partition < layout.partitions(); partition++) {
                TopicPartition each = partition(partition);
                long end = LoopFixture.await(admin.listOffsets(Map.of(each, OffsetSpec.latest()))
                                .partitionResult(each))
                        .offset();
                Awaitility.await()
                        .atMost(TIMEOUT)
                        .untilAsserted(() -> assertThat(committed(each))
                                .as("%s, open requests %s", each, openRequests())
                                .extracting(OffsetAndMetadata::offset)
                                .isEqualTo(end));
            }
        }

        private List<String> openRequests() {
            return workers.stream()
                    .map(worker ->
                            worker.name + ": " + worker.status.runningRequests() + " " + worker.status.disruption())
                    .toList();
        }

        void sendWithReply(String topic) {
            sendWithReply(List.of(new RecordHeader("kafka_replyTopic", TopicClient.bytes(topic))));
        }

        void sendWithReply(String topic, int partition) {
            sendWithReply(List.of(
                    new RecordHeader("kafka_replyTopic", TopicClient.bytes(topic)),
                    new RecordHeader(
                            "kafka_replyPartition",
                            ByteBuffer.allocate(4).putInt(partition).array())));
        }

        private void sendWithReply(List<Header> headers) {
            write(new ProducerRecord<>(
                    requestTopics.get(0),
                    0,
                    (byte[]) null,
                    TopicClient.bytes("{\"model\": \"" + fixture.model().name() + "\", \"prompt\": \"x\"}"),
                    headers));
        }

        void write(ProducerRecord<byte[], byte[]> record) {
            await(producer.send(record));
        }

        Worker startWorker() {
            return startWorker(new Setup());
        }

        Worker startWorker(Setup setup) {
            Worker worker = new Worker(this, setup, "w" + workers.size());
            workers.add(worker);
            worker.thread.start();
            return worker;
        }

        OffsetAndMetadata committed(TopicPartition partition) {
            OffsetAndMetadata offset = await(
                            admin.listConsumerGroupOffsets(name).partitionsToOffsetAndMetadata())
                    .get(partition);
            return offset == null ? new OffsetAndMetadata(0) : offset;
        }

        void setCommitted(TopicPartition partition, OffsetAndMetadata offset) {
            await(admin.alterConsumerGroupOffsets(name, Map.of(partition, offset))
                    .all());
        }

        /** Removes all members from the group; they join again when they poll. */
        void removeMembers() {
            try {
                await(admin.removeMembersFromConsumerGroup(name, new RemoveMembersFromConsumerGroupOptions())
                        .all());
            } catch (IllegalStateException e) {
                // the client's answer for a group without members
                assertThat(e.getCause()).hasCauseInstanceOf(IllegalArgumentException.class);
            }
        }

        /** All committed results so far. */
        List<JsonNode> visibleResults() {
            return visible("results").stream()
                    .map(record -> TopicClient.json(record.value()))
                    .toList();
        }

        List<ConsumerRecord<byte[], byte[]>> visibleLetters() {
            return visible(LETTERS);
        }

        private List<ConsumerRecord<byte[], byte[]>> visible(String topic) {
            Map<TopicPartition, Long> ends = reader.endOffsets(reader.assignment());
            while (ends.entrySet().stream().anyMatch(end -> reader.position(end.getKey()) < end.getValue())) {
                reader.poll(Duration.ofMillis(50)).forEach(read::add);
            }
            return read.stream()
                    .filter(record -> record.topic().equals(name + "-" + topic))
                    .toList();
        }

        /** The requests that have a result, as {@code PARTITION@OFFSET}, with repetitions. */
        List<String> answered() {
            return visibleResults().stream()
                    .map(result -> result.get("tidemark").get("source"))
                    .map(source -> source.get("partition") + "@" + source.get("offset"))
                    .toList();
        }

        /** The results of a request. */
        List<JsonNode> results(int partition, long offset) {
            return visibleResults().stream()
                    .filter(result -> {
                        JsonNode source = result.get("tidemark").get("source");
                        return source.get("partition").asInt() == partition
                                && source.get("offset").asLong() == offset;
                    })
                    .toList();
        }

        void awaitAnswered(int count) {
            Awaitility.await().atMost(TIMEOUT).until(() -> answered().size() >= count);
        }

        /** Ends the workers that are still alive. */
        @Override
        public void close() {
            workers.forEach(Worker::kill);
            reader.close();
        }
    }

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

    /** A worker with a recording engine. */
    final class Worker {

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

        private Worker(Case of, Setup setup, String name) {
            this.name = name;
            this.transactionalId = of.name + DeliveryOptions.SEPARATOR + name;
            control = new LoopControl(setup.grace, Time.system());
            requests = new RequestRunner(
                    10_000,
                    new Admission(
                            fixture.model(), store, new BoundaryTable(), AdapterSuggestions.NONE, RequestListener.NONE),
                    store::lease,
                    engine,
                    new Answers(FAMILY, fixture.model().config().numLayers(), name, Time.system()),
                    RequestFixtures.threads(admission, this::schedule),
                    Time.system(),
                    failure -> control.crash());
            Map<String, Object> properties = new HashMap<>(Map.of(
                    "bootstrap.servers",
                    broker.bootstrapServers(),
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
                            of.group(),
                            transactionalId,
                            setup.maxRunning,
                            0.1,
                            10_000,
                            new HeapBudget(Runtime.getRuntime().maxMemory(), 1 << 20),
                            setup.revokeGrace),
                    new DeliveryLoop.Cluster(
                            new KafkaConnection(properties),
                            of.layout,
                            Deliveries.tenants(of.layout.requestTopics()),
                            new ReplyRouting(
                                    List.of(),
                                    new ReplyTopics(of.results(), of.replies),
                                    new EventWriter(event -> {}))),
                    new DeliveryLoop.Requests(requests, work, listener),
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
            return engine.submitted().stream()
                    .map(request -> request.id().replaceFirst(".*-(\\d+)-(\\d+)#\\d+", "$1@$2"))
                    .toList();
        }

        void awaitStarted(int count) {
            Awaitility.await().atMost(TIMEOUT).until(() -> started().size() >= count);
        }

        void awaitStarted(String request) {
            Awaitility.await().atMost(TIMEOUT).until(() -> started().contains(request));
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
            engine.listeners()
                    .get(index)
                    .onFinished(new Completion(
                            engine.submitted().get(index).id(),
                            List.of(new Completion.Choice(0, text, List.of(1), reason, List.of())),
                            new Completion.Usage(1, 1, 0),
                            new Completion.Timing(1, 1, 2)));
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

    @Override
    public void close() {
        producer.close();
        admin.close(Duration.ZERO);
        store.close();
        fixture.close();
        if (!stopped) {
            broker.close();
        }
    }
}
