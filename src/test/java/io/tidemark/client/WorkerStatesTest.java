package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.client.WorkerStates.Worker;
import io.tidemark.message.TopicJson;
import io.tidemark.message.WorkerStateRecord;
import io.tidemark.message.WorkerStateRecord.Base;
import io.tidemark.message.WorkerStateRecord.Heartbeat;
import io.tidemark.time.Time;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The states of workers")
class WorkerStatesTest {

    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");

    private static EmbeddedBroker broker;
    private static Cluster cluster;

    /** The time of the day stands still, so that the timestamps of records decide. */
    private static final Time AT_NOW = new Time() {
        @Override
        public Instant instant() {
            return NOW;
        }

        @Override
        public long nanoTime() {
            return System.nanoTime();
        }

        @Override
        public void sleep(Duration duration) {
            Time.system().sleep(duration);
        }
    };

    @BeforeAll
    static void start() {
        broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
        cluster = new Cluster(broker.bootstrapServers());
    }

    @AfterAll
    static void stop() {
        broker.close();
    }

    @Test
    @DisplayName("Have a worker as live until 60 s after the timestamp of its last heartbeat")
    void gone() throws Exception {
        Topics topics = topics("gone-");
        heartbeat(topics, "a", NOW.minusSeconds(59));
        heartbeat(topics, "b", NOW.minusSeconds(1));
        heartbeat(topics, "b", NOW.minusSeconds(60));
        state(topics, "a", NOW.minusSeconds(600));
        state(topics, "c", NOW.minusSeconds(600));
        state(topics, "d", NOW.minusSeconds(1));
        Map<String, Worker> workers = read(topics);
        assertThat(workers.get("a").live()).isTrue();
        assertThat(workers.get("a").liveBase()).map(Base::model).contains("smollm2");
        assertThat(workers.get("a").heartbeat()).map(Heartbeat::running).contains(1);
        assertThat(workers.get("b").live()).isFalse();
        assertThat(workers.get("b").seen()).isEqualTo(NOW.minusSeconds(60));
        assertThat(workers.get("b").state()).isEmpty();
        assertThat(workers.get("c").live()).isFalse();
        assertThat(workers.get("c").liveBase()).isEmpty();
        assertThat(workers.get("d").live()).as("without a heartbeat").isTrue();
    }

    @Test
    @DisplayName("Have no worker with tombstones, and ignore values that are no states")
    void tombstones() throws Exception {
        Topics topics = topics("tombstones-");
        heartbeat(topics, "a", NOW);
        state(topics, "a", NOW);
        send(topics, "a", NOW, null);
        send(topics, "a" + WorkerStateRecord.HEARTBEAT_SUFFIX, NOW, null);
        heartbeat(topics, "b", NOW);
        send(topics, "b", NOW, "{\"worker\": 3}".getBytes(StandardCharsets.UTF_8));
        Map<String, Worker> workers = read(topics);
        assertThat(workers).containsOnlyKeys("b");
        assertThat(workers.get("b").state()).isEmpty();
        assertThat(workers.get("b").live()).isTrue();
    }

    @Test
    @DisplayName("Are awaited: records that are written later are seen, and a condition that never holds ends in time")
    void await() throws Exception {
        Topics topics = topics("await-");
        WorkerStates states = new WorkerStates(cluster, topics, AT_NOW);
        CountDownLatch read = new CountDownLatch(1);
        CompletableFuture<List<Worker>> later = CompletableFuture.supplyAsync(() -> states.await(
                workers -> {
                    read.countDown();
                    return workers.size() == 1;
                },
                Duration.ofSeconds(60)));
        read.await();
        heartbeat(topics, "a", NOW);
        assertThat(later.join()).extracting(Worker::name).containsExactly("a");
        assertThat(states.await(workers -> false, Duration.ofMillis(1))).hasSize(1);
    }

    private static Map<String, Worker> read(Topics topics) {
        Map<String, Worker> workers = new HashMap<>();
        new WorkerStates(cluster, topics, AT_NOW).read().forEach(worker -> workers.put(worker.name(), worker));
        return workers;
    }

    private static Topics topics(String prefix) throws Exception {
        Topics topics = Topics.withPrefix(prefix);
        try (Admin admin = cluster.admin()) {
            // old timestamps would be deleted without compaction
            NewTopic topic = new NewTopic(topics.workerState(), Optional.of(1), Optional.empty())
                    .configs(Map.of("cleanup.policy", "compact"));
            admin.createTopics(List.of(topic)).all().get();
        }
        return topics;
    }

    private static void heartbeat(Topics topics, String worker, Instant at) {
        send(
                topics,
                worker + WorkerStateRecord.HEARTBEAT_SUFFIX,
                at,
                TopicJson.write(new Heartbeat(Instant.EPOCH, 1, 2)));
    }

    private static void state(Topics topics, String worker, Instant at) {
        Base base = new Base("smollm2", "ba5e".repeat(16), 2048, 4, "fp32", "torch");
        WorkerStateRecord state =
                new WorkerStateRecord(worker, "worker", "0.1.0", base, Instant.EPOCH, 0, List.of(), 0);
        send(topics, worker, at, TopicJson.write(state));
    }

    private static void send(Topics topics, String key, Instant at, byte[] value) {
        cluster.write(new ProducerRecord<>(topics.workerState(), null, at.toEpochMilli(), key, value));
    }
}
