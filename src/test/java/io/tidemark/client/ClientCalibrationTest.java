package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.cli.serving.CommandSettings;
import io.tidemark.message.CountedBatchHeaders;
import io.tidemark.message.DeadLetterHeaders;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.RawValidationBatch;
import io.tidemark.message.TableEntry;
import io.tidemark.message.UncountedExamples;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Validation batches and boundaries of the client library, on a broker")
class ClientCalibrationTest {

    private static EmbeddedBroker broker;
    private static Cluster cluster;

    private FakeService calibrator;
    private KafkaTidemarkClient client;

    @BeforeAll
    static void startBroker() {
        broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
        cluster = new Cluster(broker.bootstrapServers());
        CommandSettings.createTopics(cluster);
    }

    @AfterAll
    static void stopBroker() {
        broker.close();
    }

    @BeforeEach
    void start() {
        calibrator = new FakeService(cluster, Topics.DEFAULT.validationBatches());
        client = KafkaTidemarkClient.connect(cluster.brokers());
    }

    @AfterEach
    void stop() {
        client.close(Duration.ZERO);
        calibrator.close();
    }

    @Test
    @DisplayName("A validation batch is counted or rejected when the calibrators' group has committed past it")
    void validate() throws Exception {
        RawValidationBatch good = new RawValidationBatch("good", "a", List.of());
        RawValidationBatch bad = new RawValidationBatch("bad", "a", List.of());
        try (Producer<String, byte[]> letters = cluster.producer();
                Admin admin = cluster.admin()) {
            CompletionStage<BatchOutcome> first = client.validate(good);
            CompletionStage<BatchOutcome> second = client.validate(bad);
            List<ConsumerRecord<String, byte[]>> records = calibrator.await(2);
            ConsumerRecord<String, byte[]> rejected = records.get(1);
            ProducerRecord<String, byte[]> letter = new ProducerRecord<>(Topics.DEFAULT.validationDeadLetters(), null);
            DeadLetterHeaders.of(
                            ErrorBody.invalidRequest("unknown_adapter", "adapter", "no adapter 'a'"),
                            rejected.topic(),
                            rejected.partition(),
                            rejected.offset(),
                            rejected.value())
                    .asMap()
                    .forEach((name, value) -> letter.headers().add(name, value.getBytes(StandardCharsets.UTF_8)));
            letters.send(letter).get();
            commit(admin, records.get(0).offset() + 1);
            assertThat(get(first)).isEqualTo(new BatchOutcome.Counted(good, Optional.empty()));
            assertThat(second.toCompletableFuture()).isNotDone();
            commit(admin, rejected.offset() + 1);
            assertThat(get(second)).isEqualTo(new BatchOutcome.Rejected(bad, "unknown_adapter", "no adapter 'a'"));
            CompletionStage<BatchOutcome> open = client.validate(good);
            calibrator.await();
            client.close(Duration.ZERO);
            assertThatThrownBy(() -> get(open)).hasCauseInstanceOf(ClientException.Closed.class);
        }
    }

    @Test
    @DisplayName("A counted batch has the number of its repeats from the state of the calibrator, if one tells it")
    void repeats() throws Exception {
        RawValidationBatch first = new RawValidationBatch("first", "a", List.of());
        RawValidationBatch second = new RawValidationBatch("second", "a", List.of());
        try (Producer<String, byte[]> states = cluster.producer();
                Admin admin = cluster.admin()) {
            CompletionStage<BatchOutcome> told = client.validate(first);
            CompletionStage<BatchOutcome> untold = client.validate(second);
            List<ConsumerRecord<String, byte[]>> records = calibrator.await(2);
            Source source = FakeService.source(records.get(0));
            state(states, new CountedBatchHeaders(source, new UncountedExamples(3, 0, 0)).asMap());
            // other programs may write anything, and calibrators write states for claims
            state(states, Map.of());
            Map<String, String> wrong = new HashMap<>(
                    new CountedBatchHeaders(FakeService.source(records.get(1)), UncountedExamples.NONE).asMap());
            wrong.put("tidemark.repeats", "some");
            state(states, wrong);
            commit(admin, records.get(1).offset() + 1);
            assertThat(get(told))
                    .isEqualTo(new BatchOutcome.Counted(first, Optional.of(new UncountedExamples(3, 0, 0))));
            assertThat(get(untold)).isEqualTo(new BatchOutcome.Counted(second, Optional.empty()));
        }
    }

    @Test
    @DisplayName("A batch of a client that cannot read the states is counted, with an unknown number of repeats")
    void unreadableStates() throws Exception {
        Topics renamed = new Topics(
                Topics.DEFAULT.requests(),
                Topics.DEFAULT.events(),
                Topics.DEFAULT.results(),
                Topics.DEFAULT.cancellations(),
                Topics.DEFAULT.validationBatches(),
                Topics.DEFAULT.validationDeadLetters(),
                Topics.DEFAULT.boundaries(),
                Topics.DEFAULT.boundaryDecisions(),
                "no-states",
                Topics.DEFAULT.adapters(),
                Topics.DEFAULT.workerState());
        RawValidationBatch batch = new RawValidationBatch("b", "a", List.of());
        try (Admin admin = cluster.admin();
                KafkaTidemarkClient blind = KafkaTidemarkClient.builder(cluster)
                        .topics(renamed)
                        .validationOnly()
                        .build()) {
            CompletionStage<BatchOutcome> outcome = blind.validate(batch);
            commit(admin, calibrator.await().offset() + 1);
            assertThat(get(outcome)).isEqualTo(new BatchOutcome.Counted(batch, Optional.empty()));
        }
    }

    private static void state(Producer<String, byte[]> producer, Map<String, String> headers) throws Exception {
        ProducerRecord<String, byte[]> state =
                new ProducerRecord<>(Topics.DEFAULT.calibrationState(), "a/0/d/b/fp32", new byte[0]);
        headers.forEach((name, value) -> state.headers().add(name, value.getBytes(StandardCharsets.UTF_8)));
        producer.send(state).get();
    }

    private static void commit(Admin admin, long offset) throws Exception {
        TopicPartition partition = new TopicPartition(Topics.DEFAULT.validationBatches(), 0);
        admin.alterConsumerGroupOffsets("tidemark-calibrators", Map.of(partition, new OffsetAndMetadata(offset)))
                .all()
                .get();
    }

    @Test
    @DisplayName("The boundary table is read, and watched: the last record of each adapter, then changes on demand")
    void boundaries() throws Exception {
        try (Producer<String, byte[]> producer = cluster.producer()) {
            put(producer, "watched", 3);
            assertThat(boundary(client.boundaries().get("watched"))).isEqualTo(3);
            Watcher watcher = new Watcher();
            client.watchBoundaries().subscribe(watcher);
            watcher.subscription.request(2);
            await().until(() -> watcher.seen.contains("watched 3"));
            put(producer, "watched", 4);
            await().until(() -> watcher.seen.contains("watched 4"));
            put(producer, "watched", 5);
            put(producer, "other", 1);
            put(producer, "watched", 6);
            Watcher late = new Watcher();
            client.watchBoundaries().subscribe(late);
            late.subscription.request(Long.MAX_VALUE);
            await().until(() -> late.seen.contains("watched 6"));
            assertThat(late.seen).containsExactly("other 1", "watched 6");
            assertThat(watcher.seen).containsExactly("watched 3", "watched 4");
            producer.send(new ProducerRecord<>(Topics.DEFAULT.boundaries(), "other", null))
                    .get();
            await().until(() -> late.seen.contains("other none"));
            assertThat(client.boundaries()).containsKey("watched").doesNotContainKey("other");
            late.subscription.cancel();
            client.close(Duration.ZERO);
            await().until(() -> watcher.seen.contains("end"));
            assertThat(late.seen).doesNotContain("end");
        }
    }

    private static void put(Producer<String, byte[]> producer, String adapter, int boundary) throws Exception {
        String record =
                "{\"adapter\":\"" + adapter + "\",\"boundary\":" + boundary + ",\"num_layers\":8,\"samples\":1}";
        producer.send(new ProducerRecord<>(
                        Topics.DEFAULT.boundaries(), adapter, record.getBytes(StandardCharsets.UTF_8)))
                .get();
    }

    private static int boundary(TableEntry entry) {
        return ((TableEntry.Present) entry).record().boundary();
    }

    private static final class Watcher implements Flow.Subscriber<BoundaryChange> {

        private final ConcurrentLinkedQueue<String> seen = new ConcurrentLinkedQueue<>();
        private Flow.Subscription subscription;

        @Override
        public void onSubscribe(Flow.Subscription given) {
            subscription = given;
        }

        @Override
        public void onNext(BoundaryChange change) {
            String value =
                    change.entry() instanceof TableEntry.Absent ? "none" : Integer.toString(boundary(change.entry()));
            seen.add(change.adapter() + " " + value);
        }

        @Override
        public void onError(Throwable failure) {
            seen.add("error " + failure.getMessage());
        }

        @Override
        public void onComplete() {
            seen.add("end");
        }
    }

    private static <T> T get(CompletionStage<T> stage) throws Exception {
        return stage.toCompletableFuture().get(60, TimeUnit.SECONDS);
    }
}
