package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.topics.TopicSetup;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** What only whole processes show: kills, signals, and starts that must fail. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ServingProcessIT {

    private static final int REQUESTS = 200;
    private static final int PARTITIONS = 4;

    private EmbeddedBroker broker;
    private String prefix;
    private Outside outside;

    @BeforeAll
    void startBroker() {
        broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
    }

    @AfterAll
    void stopBroker() {
        broker.close();
    }

    @BeforeEach
    void createTopics() {
        prefix = UUID.randomUUID() + ".";
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
            TopicSetup.ensure(admin,
                    TopicLayout.of(TestSettings.with(Map.of("tidemark.topics.prefix", prefix)).topics()));
        }
        outside = new Outside(broker.bootstrapServers(), prefix + "generation-results");
    }

    @AfterEach
    void disconnect() throws InterruptedException {
        outside.close();
    }

    private ServedProcess serve(String name, String grace) {
        return ServedProcess.start(broker.bootstrapServers(), Map.of(
                "TIDEMARK_TOPICS_PREFIX", prefix, "TIDEMARK_WORKER_GROUP", prefix + "workers",
                "TIDEMARK_WORKER_ID", name, "TIDEMARK_WORKER_SHUTDOWN_GRACE", grace));
    }

    @Test
    @DisplayName("a worker killed amid 200 requests loses none: the next one answers all that had no committed answer")
    void killed() throws Exception {
        produce();
        try (ServedProcess first = serve("first", "1S").awaitReady()) {
            awaitAnswers(30);
            first.kill();
        }
        Set<String> answered = answered();
        assertThat(answered.size()).isLessThan(REQUESTS);
        assertNothingUnansweredIsCommitted(answered);
        try (ServedProcess second = serve("second", "1S").awaitReady()) {
            awaitAnswers(REQUESTS);
        }
        // whoever answered twice did so under a larger attempt
        for (String id : answered()) {
            List<JsonNode> results = outside.values(prefix + "generation-results", id);
            assertThat(results).extracting(result -> result.path("tidemark").path("attempt").asLong())
                    .doesNotHaveDuplicates();
        }
    }

    @Test
    @DisplayName("on SIGTERM a worker with enough grace finishes what it has read, and no request is answered twice")
    void terminatedWithGrace() throws Exception {
        produce();
        terminateAmidRequests("30S", "0 handed back");
        assertNothingUnansweredIsCommitted(answered());
        try (ServedProcess second = serve("second", "30S").awaitReady()) {
            awaitAnswers(REQUESTS);
        }
        assertThat(outside.heard(prefix + "generation-results")).hasSize(REQUESTS);
    }

    @Test
    @DisplayName("on SIGTERM a worker without grace hands back what runs, and the next one answers it")
    void terminatedWithoutGrace() throws Exception {
        produce();
        terminateAmidRequests("0S", "0 open requests finished");
        assertNothingUnansweredIsCommitted(answered());
        try (ServedProcess second = serve("second", "0S").awaitReady()) {
            awaitAnswers(REQUESTS);
        }
    }

    private void terminateAmidRequests(String grace, String log) throws Exception {
        try (ServedProcess first = serve("first", grace).awaitReady()) {
            awaitAnswers(30);
            first.terminate();
            assertThat(first.awaitExit()).isIn(0, 143);
            assertThat(first.log()).contains(log);
        }
    }

    @Test
    @DisplayName("a worker that joins amid requests takes its share, and none is lost in the rebalance")
    void joined() throws Exception {
        produce();
        try (ServedProcess first = serve("first", "1S").awaitReady()) {
            awaitAnswers(10);
            try (ServedProcess second = serve("second", "1S").awaitReady()) {
                produceMore();
                awaitAnswers(2 * REQUESTS);
                assertThat(outside.heard(prefix + "generation-results"))
                        .extracting(result -> Outside.json(result.value()).path("tidemark").path("worker").asText())
                        .contains("first", "second");
            }
        }
    }

    @Test
    @DisplayName("a setting out of range, a bad model folder and a topic with the wrong policy each end the start with 1")
    void startsThatFail() throws Exception {
        try (ServedProcess slots = ServedProcess.start(broker.bootstrapServers(), Map.of("TIDEMARK_ENGINE_SLOTS", "0"));
                ServedProcess model = ServedProcess.start(
                        broker.bootstrapServers(), Map.of("TIDEMARK_MODEL_DIR", "/no/such/folder"))) {
            assertThat(slots.awaitExit()).isEqualTo(1);
            assertThat(slots.log()).contains("tidemark.engine.slots");
            assertThat(model.awaitExit()).isEqualTo(1);
            assertThat(model.log()).contains("/no/such/folder");
        }
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
            admin.createTopics(List.of(new NewTopic("wrong.adapter-boundaries", 1, (short) 1))).all().get();
        }
        try (ServedProcess topic = ServedProcess.start(
                broker.bootstrapServers(), Map.of("TIDEMARK_TOPICS_PREFIX", "wrong."))) {
            assertThat(topic.awaitExit()).isEqualTo(1);
            assertThat(topic.log())
                    .contains("topic 'wrong.adapter-boundaries' has cleanup.policy 'delete' but needs 'compact'");
        }
    }

    private void produce() {
        produce(0, REQUESTS);
    }

    private void produceMore() {
        produce(REQUESTS, 2 * REQUESTS);
    }

    private void produce(int from, int to) {
        for (int i = from; i < to; i++) {
            // lengths differ, so that requests end out of order
            String value = "{\"id\": \"r" + i + "\", \"model\": \"" + (i % 2 == 0 ? "all" : "qv")
                    + "\", \"prompt\": \"request " + i + "\", \"max_tokens\": " + (i % 7 == 0 ? 200 : 20)
                    + ", \"stop\": [], \"boundary\": " + i % 7 + "}";
            outside.send(new ProducerRecord<>(prefix + "generation-requests", i % PARTITIONS,
                    Outside.bytes("r" + i), Outside.bytes(value)));
        }
    }

    private Set<String> answered() {
        Set<String> ids = new HashSet<>();
        outside.heard(prefix + "generation-results").forEach(result -> ids.add(Outside.text(result.key())));
        return ids;
    }

    private void awaitAnswers(int atLeast) {
        Awaitility.await(atLeast + " answers").atMost(Duration.ofSeconds(90))
                .until(() -> answered().size() >= atLeast);
    }

    /** Request i is record i / 4 of partition i % 4: all below the committed offset must have a result. */
    private void assertNothingUnansweredIsCommitted(Set<String> answered) {
        for (int partition = 0; partition < PARTITIONS; partition++) {
            long committed = outside.committed(
                    prefix + "workers", new TopicPartition(prefix + "generation-requests", partition));
            int p = partition;
            assertThat(answered).containsAll(
                    IntStream.range(0, (int) committed).mapToObj(n -> "r" + (n * PARTITIONS + p)).toList());
        }
    }
}
