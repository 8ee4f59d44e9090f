package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.stream.settings.TidemarkSettings.Role;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.topics.TopicSetup;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.awaitility.Awaitility;

/** Worker processes on separate topics, with a client that produces requests and collects results. */
final class WorkerGroup implements AutoCloseable {

    private static final int PARTITIONS = 4;

    private final String brokers;
    private final String prefix = UUID.randomUUID() + ".";
    private final TopicClient client;

    WorkerGroup(String brokers) {
        this.brokers = brokers;
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", brokers))) {
            TopicSetup.ensure(
                    admin,
                    TopicLayout.of(TestSettings.with(Map.of("tidemark.topics.prefix", prefix))
                            .topics()),
                    Role.ALL,
                    true,
                    Time.system());
        }
        client = new TopicClient(brokers, prefix + "generation-results", prefix + "generation-dead-letters");
    }

    ServedProcess serve(String name, String grace) {
        return serve(name, Map.of("TIDEMARK_WORKER_SHUTDOWN_GRACE", grace));
    }

    ServedProcess serve(String name, Map<String, String> environment) {
        Map<String, String> all = new HashMap<>(Map.of(
                "TIDEMARK_TOPICS_PREFIX",
                prefix,
                "TIDEMARK_WORKER_GROUP",
                prefix + "workers",
                "TIDEMARK_WORKER_ID",
                name));
        all.putAll(environment);
        return ServedProcess.start(brokers, all);
    }

    /**
     * Produces the requests r{from} .. r{to - 1}. Their lengths differ, so that they end out of order. Request i is
     * record i / 4 of partition i % 4.
     */
    void produce(int from, int to) {
        for (int i = from; i < to; i++) {
            String value = "{\"id\": \"r" + i + "\", \"model\": \"" + (i % 2 == 0 ? "all" : "qv")
                    + "\", \"prompt\": \"request " + i + "\", \"max_tokens\": " + (i % 7 == 0 ? 200 : 20)
                    + ", \"stop\": [], \"boundary\": " + i % 7 + "}";
            client.send(new ProducerRecord<>(
                    prefix + "generation-requests",
                    i % PARTITIONS,
                    TopicClient.bytes("r" + i),
                    TopicClient.bytes(value)));
        }
    }

    /** @param fields more fields of the request, each with a comma before it */
    void produce(int partition, String id, String fields) {
        client.send(new ProducerRecord<>(
                prefix + "generation-requests",
                partition,
                TopicClient.bytes(id),
                TopicClient.bytes("{\"id\": \"" + id + "\", \"model\": \"all\", \"prompt\": \"x\", \"max_tokens\": 20, "
                        + "\"stop\": []" + fields + "}")));
    }

    /**
     * Produces the requests r{from} .. r{to - 1} for adapter 'all'.
     *
     * @param fields of a request, without {@code id} and {@code model}
     */
    void send(int from, int to, IntFunction<String> fields) {
        for (int i = from; i < to; i++) {
            client.send(new ProducerRecord<>(
                    prefix + "generation-requests",
                    i % PARTITIONS,
                    TopicClient.bytes("r" + i),
                    TopicClient.bytes("{\"id\": \"r" + i + "\", \"model\": \"all\", " + fields.apply(i) + "}")));
        }
    }

    /** Produces requests from r{from} on until {@code worker} has answered one. Returns the number of requests. */
    int produceUntilAnsweredBy(String worker, int from) {
        AtomicInteger asked = new AtomicInteger(from);
        Awaitility.await("an answer of " + worker)
                .atMost(Duration.ofSeconds(60))
                .pollInterval(Duration.ofMillis(200))
                .until(() -> {
                    int next = asked.getAndAdd(PARTITIONS);
                    produce(next, next + PARTITIONS);
                    return workers().contains(worker);
                });
        return asked.get();
    }

    /** The names of the workers in the results. */
    Set<String> workers() {
        return results().stream()
                .map(result -> result.path("tidemark").path("worker").asText())
                .collect(Collectors.toSet());
    }

    List<JsonNode> results() {
        return client.records(prefix + "generation-results").stream()
                .map(result -> TopicClient.json(result.value()))
                .toList();
    }

    List<JsonNode> results(String id) {
        return client.values(prefix + "generation-results", id);
    }

    Set<String> answered() {
        Set<String> ids = new HashSet<>();
        results().forEach(result -> ids.add(result.path("id").asText()));
        return ids;
    }

    int deadLetters() {
        return client.records(prefix + "generation-dead-letters").size();
    }

    void awaitAnswers(int atLeast) {
        Awaitility.await(atLeast + " answers")
                .atMost(Duration.ofSeconds(90))
                .until(() -> answered().size() >= atLeast);
    }

    /** Waits until the group has committed the offsets of all requests. */
    void awaitAllCommitted(int requests) {
        Awaitility.await(requests + " commits")
                .atMost(Duration.ofSeconds(60))
                .until(() -> IntStream.range(0, PARTITIONS)
                                .mapToLong(this::committed)
                                .sum()
                        == requests);
    }

    /** Asserts that all requests below the committed offset of a partition have a result. */
    void assertNothingUnansweredIsCommitted() {
        for (int partition = 0; partition < PARTITIONS; partition++) {
            int p = partition;
            List<String> committed = IntStream.range(0, (int) committed(p))
                    .mapToObj(n -> "r" + (n * PARTITIONS + p))
                    .toList();
            // other workers commit answers that this client has not received yet
            Awaitility.await()
                    .atMost(Duration.ofSeconds(10))
                    .untilAsserted(() -> assertThat(answered()).containsAll(committed));
        }
    }

    /** Asserts that there are so many requests with a result, and that each record has one result without an error. */
    void assertEachAnsweredOnce(int requests) {
        List<JsonNode> results = results();
        assertThat(results).hasSize(requests);
        assertThat(results)
                .extracting(result -> result.path("tidemark").path("source").toString())
                .doesNotHaveDuplicates();
        assertThat(answered()).hasSize(requests);
        assertThat(results)
                .as("errors")
                .allMatch(result -> result.path("choices").size() == 1);
        assertThat(deadLetters()).isZero();
    }

    private long committed(int partition) {
        return client.committed(prefix + "workers", new TopicPartition(prefix + "generation-requests", partition));
    }

    @Override
    public void close() throws InterruptedException {
        client.close();
    }
}
