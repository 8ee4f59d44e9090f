package io.tidemark.stream.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.prometheus.PrometheusConfig;
import io.micrometer.prometheus.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Metrics of the worker, as Prometheus scrapes them")
class WorkerMetricsTest {

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final WorkerMetrics metrics = new WorkerMetrics(registry);

    @Test
    @DisplayName("Have a histogram of the time to first token by adapter, with buckets from 5 ms to 10 min")
    void timeToFirstToken() {
        metrics.recordTimeToFirstToken("a", 80);
        assertThat(registry.scrape())
                .contains("tidemark_time_to_first_token_seconds_bucket{adapter=\"a\",le=\"0.005\",} 0")
                .contains("tidemark_time_to_first_token_seconds_bucket{adapter=\"a\",le=\"0.05\",} 0")
                .contains("tidemark_time_to_first_token_seconds_bucket{adapter=\"a\",le=\"0.1\",} 1")
                .contains("tidemark_time_to_first_token_seconds_bucket{adapter=\"a\",le=\"600.0\",} 1")
                .doesNotContain("quantile");
    }

    @Test
    @DisplayName("Have a histogram of the time per token by adapter, with buckets from 1 ms to 2.5 s")
    void timePerToken() {
        metrics.recordTimePerToken("a", 12);
        assertThat(registry.scrape())
                .contains("tidemark_time_per_token_seconds_bucket{adapter=\"a\",le=\"0.001\",} 0")
                .contains("tidemark_time_per_token_seconds_bucket{adapter=\"a\",le=\"0.01\",} 0")
                .contains("tidemark_time_per_token_seconds_bucket{adapter=\"a\",le=\"0.015\",} 1")
                .contains("tidemark_time_per_token_seconds_bucket{adapter=\"a\",le=\"2.5\",} 1")
                .doesNotContain("quantile");
    }

    @Test
    @DisplayName("Have histograms of queue time and request duration")
    void queueTimeAndRequestDuration() {
        metrics.recordQueueTime(300);
        metrics.recordRequestDuration(Duration.ofSeconds(3));
        assertThat(registry.scrape())
                .contains("tidemark_queue_time_seconds_bucket{le=\"0.25\",} 0")
                .contains("tidemark_queue_time_seconds_bucket{le=\"0.5\",} 1")
                .contains("tidemark_queue_time_seconds_sum 0.3")
                .contains("tidemark_request_duration_seconds_bucket{le=\"2.5\",} 0")
                .contains("tidemark_request_duration_seconds_bucket{le=\"5.0\",} 1")
                .contains("tidemark_request_duration_seconds_count 1");
    }

    @Test
    @DisplayName("Export cumulative values as counters that follow their source")
    void counters() {
        AtomicLong steps = new AtomicLong(3);
        metrics.counter("tidemark.engine.steps", "steps", steps, AtomicLong::get);
        assertThat(registry.scrape())
                .contains("# TYPE tidemark_engine_steps_total counter")
                .contains("tidemark_engine_steps_total 3.0");
        steps.set(5);
        assertThat(registry.scrape()).contains("tidemark_engine_steps_total 5.0");
    }
}
