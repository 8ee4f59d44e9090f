package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.tidemark.model.WeightFiles;
import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Adapters that are added, replaced, split and removed by records while a worker runs. */
@QuarkusTest
@QuarkusTestResource(BrokerResource.class)
class AdapterRecordsTest {

    private static final Path MODEL = Path.of(BrokerResource.MODEL);

    private static final String WORKER = "test-worker";

    private final Set<String> names = new TreeSet<>();

    @Inject
    TopicClient client;

    /** Other tests use the same worker. */
    @AfterEach
    void remove() {
        names.forEach(name -> client.send(WorkerTopics.ADAPTERS, name, (byte[]) null));
        names.forEach(name -> Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .until(() -> code(name).equals("unknown_adapter")));
    }

    @Test
    @DisplayName("Each result has the digest of the record at its offset, from the first record to the tombstone")
    void lifeOfAnAdapter() {
        long first = put("lived", stored("qv"));
        JsonNode served = await("lived", "adapter_offset", first);
        assertThat(served.path("adapter").asText()).isEqualTo("lived");
        assertThat(served.path("adapter_digest").asText()).isEqualTo(digest("qv"));
        assertThat(served.has("alias")).isFalse();

        long second = put("lived", stored("all"));
        assertThat(await("lived", "adapter_offset", second)
                        .path("adapter_digest")
                        .asText())
                .isEqualTo(digest("all"));

        client.send(WorkerTopics.ADAPTERS, "lived", (byte[]) null);
        Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .until(() -> code("lived").equals("unknown_adapter"));
    }

    @Test
    @DisplayName("An alias splits requests by weight, and a change of weights moves ids to the target that has grown")
    void alias() {
        put("v1", stored("qv"));
        put("v2", stored("some-layers"));
        long alias = put("both", targets(90, 10));
        await("both", "alias_offset", alias);
        Map<String, String> before = chosen();
        assertThat(before.values()).contains("v1", "v2");
        assertThat(before.values().stream().filter("v1"::equals).count()).isGreaterThan(before.size() / 2);
        await("both", "alias_offset", put("both", targets(50, 50)));
        Map<String, String> after = chosen();
        before.forEach((id, target) -> assertThat(after.get(id)).isIn(target, "v2"));
        assertThat(after).isNotEqualTo(before);
    }

    @Test
    @DisplayName("A name with a wrong digest, a path out of the root or another base is failed by name; others go on")
    void failures() {
        put("wrong-digest", record("file:qv", "0".repeat(64), base()));
        put("outside", record("file:/etc", digest("qv"), base()));
        put("other-base", record("file:qv", digest("qv"), "1".repeat(64)));
        put("not-allowed", record("s3://bucket/qv", digest("qv"), base()));
        put("broken", "{\"source\": 1}");
        Map<String, String> expected = Map.of(
                "wrong-digest", "wrong_digest",
                "outside", "outside_root",
                "other-base", "other_base",
                "not-allowed", "not_allowed",
                "broken", "invalid_record");
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .untilAsserted(() -> assertThat(reasons()).containsAllEntriesOf(expected));
        expected.keySet().forEach(name -> assertThat(code(name)).isEqualTo("adapter_unusable"));
        await("qv", "adapter", "qv");
    }

    @Test
    @DisplayName("A worker whose state another process has removed writes it again")
    void removedState() {
        int before = client.values(WorkerTopics.WORKER_STATE, WORKER).size();
        client.send(WorkerTopics.WORKER_STATE, WORKER, (byte[]) null);
        Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .until(() -> client.values(WorkerTopics.WORKER_STATE, WORKER).size() > before);
    }

    /** The adapters that ids get through the alias. */
    private Map<String, String> chosen() {
        Map<String, String> chosen = new HashMap<>();
        List<String> ids = IntStream.range(0, 60).mapToObj(i -> "choice-" + i).toList();
        Map<String, Integer> seen = new HashMap<>();
        ids.forEach(id -> seen.put(id, client.values(WorkerTopics.RESULTS, id).size()));
        ids.forEach(id -> send(id, "both"));
        ids.forEach(id -> {
            Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> client.values(WorkerTopics.RESULTS, id).size() > seen.get(id));
            chosen.put(
                    id,
                    client.values(WorkerTopics.RESULTS, id)
                            .get(seen.get(id))
                            .path("tidemark")
                            .path("adapter")
                            .asText());
        });
        return chosen;
    }

    /** Why names are failed, by the last state of the worker. */
    private Map<String, String> reasons() {
        Map<String, String> reasons = new HashMap<>();
        List<JsonNode> states = client.values(WorkerTopics.WORKER_STATE, WORKER);
        if (!states.isEmpty()) {
            states.get(states.size() - 1)
                    .path("adapters")
                    .forEach(adapter -> reasons.put(
                            adapter.path("name").asText(),
                            adapter.path("reason").asText()));
        }
        return reasons;
    }

    /** Waits for a result of a model with a value of a field. */
    private JsonNode await(String model, String field, Object value) {
        Awaitility.await(field + " " + value)
                .atMost(Duration.ofSeconds(20))
                .until(() ->
                        request(model).path("tidemark").path(field).asText().equals(value.toString()));
        return request(model).path("tidemark");
    }

    private String code(String model) {
        return request(model).path("error").path("code").asText();
    }

    private JsonNode request(String model) {
        String id = UUID.randomUUID().toString();
        send(id, model);
        return client.await(WorkerTopics.RESULTS, id);
    }

    private void send(String id, String model) {
        client.send(
                WorkerTopics.REQUESTS,
                null,
                "{\"id\": \"" + id + "\", \"model\": \"" + model + "\", \"prompt\": \"x\", \"max_tokens\": 1}");
    }

    private long put(String name, String value) {
        names.add(name);
        return client.send(WorkerTopics.ADAPTERS, name, value).offset();
    }

    private static String targets(int first, int second) {
        return "{\"targets\": [{\"adapter\": \"v1\", \"weight\": %d}, {\"adapter\": \"v2\", \"weight\": %d}]}"
                .formatted(first, second);
    }

    private static String stored(String folder) {
        return record("file:" + folder, digest(folder), base());
    }

    private static String record(String source, String digest, String base) {
        return "{\"source\": \"%s\", \"digest\": \"%s\", \"base\": \"%s\"}".formatted(source, digest, base);
    }

    private static String base() {
        return WeightFiles.digest(MODEL);
    }

    /** SHA-256 over the config, then the weights. */
    private static String digest(String adapter) {
        try {
            MessageDigest sha = MessageDigest.getInstance("SHA-256");
            Path folder = MODEL.resolve("adapters").resolve(adapter);
            sha.update(Files.readAllBytes(folder.resolve("adapter_config.json")));
            sha.update(Files.readAllBytes(folder.resolve("adapter_model.safetensors")));
            return HexFormat.of().formatHex(sha.digest());
        } catch (IOException | NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
