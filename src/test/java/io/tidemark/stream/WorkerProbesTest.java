package io.tidemark.stream;

import static io.tidemark.stream.WorkerTopics.REQUESTS;
import static io.tidemark.stream.WorkerTopics.RESULTS;
import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.awaitility.Awaitility;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The HTTP endpoints of a worker")
@QuarkusTest
@QuarkusTestResource(BrokerResource.class)
class WorkerProbesTest {

    @TestHTTPResource
    URI url;

    @Inject
    TopicClient client;

    @ConfigProperty(name = "kafka.bootstrap.servers")
    String brokers;

    @Test
    @DisplayName(
            "Report a ready process, and metrics by adapter and outcome that do not contain unknown names from clients")
    void operations() throws Exception {
        client.send(REQUESTS, null, "{\"id\": \"counted\", \"model\": \"secret-name\", \"prompt\": \"x\"}");
        client.await(RESULTS, "counted");
        assertThat(get("/q/health/ready")).contains("tidemark-ready").contains("READY");
        assertThat(get("/q/health/live")).contains("tidemark-live");
        assertThat(get("/q/health/started")).contains("tidemark-started");
        Awaitility.await().until(() -> get("/q/metrics").contains("outcome=\"unknown_adapter\""));
        assertThat(get("/q/metrics"))
                .contains(
                        "tidemark_boundary{adapter=\"all\"}",
                        "tidemark_running_rows",
                        "tidemark_queue_depth",
                        "tidemark_engine_steps_total",
                        "tidemark_prefix_cache_tokens_total",
                        "tidemark_format_masks_seconds_count",
                        "tidemark_format_waits_total",
                        "tidemark_format_grammar_bytes",
                        "tidemark_format_failures_total",
                        "tidemark_boundary_broken_records_total",
                        "tidemark_table_lag{topic=\"adapter-boundaries\"}",
                        "tidemark_table_lag{topic=\"generation-cancellations\"}",
                        "adapter=\"unknown\"")
                .doesNotContain("secret-name");
    }

    @Test
    @DisplayName("Have histograms of queue time and duration of an answered request")
    void timers() {
        client.send(REQUESTS, null, "{\"id\": \"timed\", \"model\": \"all\", \"prompt\": \"x\", \"max_tokens\": 2}");
        client.await(RESULTS, "timed");
        for (String timer : List.of("tidemark_queue_time_seconds", "tidemark_request_duration_seconds")) {
            Awaitility.await(timer)
                    .until(() -> get("/q/metrics")
                            .lines()
                            .anyMatch(line -> line.matches(timer + "_bucket\\{.*le=\"\\+Inf\".*} [1-9].*")));
        }
    }

    @Test
    @DisplayName("Report an open transaction that holds back the boundary table, and are ready again when it has ended")
    void hangingTransaction() {
        Map<String, Object> config = Map.of("bootstrap.servers", brokers, "transactional.id", "hanging");
        try (KafkaProducer<byte[], byte[]> hanging =
                new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            hanging.initTransactions();
            hanging.beginTransaction();
            hanging.send(new ProducerRecord<>("adapter-boundaries", TopicClient.bytes("hanging"), null));
            hanging.flush();
            Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .until(() ->
                            get("/q/health/ready").contains("find-hanging --topic adapter-boundaries --partition 0"));
            hanging.abortTransaction();
        }
        Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .until(() -> !get("/q/health/ready").contains("trouble")
                        && get("/q/metrics").contains("tidemark_table_lag{topic=\"adapter-boundaries\"} 0.0"));
    }

    private String get(String path) throws Exception {
        return HttpClient.newHttpClient()
                .send(HttpRequest.newBuilder(URI.create(url + path)).build(), HttpResponse.BodyHandlers.ofString())
                .body();
    }
}
