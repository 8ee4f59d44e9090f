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
import java.util.List;
import org.awaitility.Awaitility;
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
                        "tidemark_boundary_broken_records_total",
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

    private String get(String path) throws Exception {
        return HttpClient.newHttpClient()
                .send(HttpRequest.newBuilder(URI.create(url + path)).build(), HttpResponse.BodyHandlers.ofString())
                .body();
    }
}
