package io.tidemark.stream.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.prometheus.PrometheusConfig;
import io.micrometer.prometheus.PrometheusMeterRegistry;
import io.tidemark.generation.Completion;
import io.tidemark.generation.FinishReason;
import io.tidemark.message.CompletionResult;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.ErrorResult;
import io.tidemark.message.EventMessage;
import io.tidemark.message.Provenance;
import io.tidemark.message.Provenance.Source;
import io.tidemark.request.Answer;
import io.tidemark.request.ReplyTarget;
import io.tidemark.request.RequestFixtures;
import io.tidemark.stream.delivery.DeliveryStatus;
import io.tidemark.time.Time;
import io.tidemark.time.VirtualTime;
import java.time.Duration;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Metrics of the worker, as Prometheus scrapes them")
class WorkerMetricsTest {

    private static final Source SOURCE = new Source("requests", 0, 7);

    private final Set<String> models = new HashSet<>(Set.of("a"));
    private final VirtualTime time = new VirtualTime();
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final WorkerMetrics metrics =
            new WorkerMetrics(registry, models::contains, (adapter, offset) -> Optional.empty(), time);

    @Test
    @DisplayName("Have a histogram of the time to first token by adapter, with buckets from 5 ms to 10 min")
    void timeToFirstToken() {
        metrics.onCommitted(answer("a", new Completion.Timing(1, 80, 100), 1), 0);
        assertThat(registry.scrape())
                .contains("tidemark_time_to_first_token_seconds_bucket{adapter=\"a\",le=\"0.005\",} 0")
                .contains("tidemark_time_to_first_token_seconds_bucket{adapter=\"a\",le=\"0.05\",} 0")
                .contains("tidemark_time_to_first_token_seconds_bucket{adapter=\"a\",le=\"0.1\",} 1")
                .contains("tidemark_time_to_first_token_seconds_bucket{adapter=\"a\",le=\"600.0\",} 1")
                .doesNotContain("quantile");
    }

    @Test
    @DisplayName("Have a histogram of the time from reading a request to its first token, admission and queue included")
    void arrivalToFirstToken() {
        metrics.onCommitted(answer("a", new Completion.Timing(200, 80, 300), 1), 0);
        assertThat(registry.scrape())
                .contains("tidemark_arrival_to_first_token_seconds_bucket{adapter=\"a\",le=\"0.005\",} 0")
                .contains("tidemark_arrival_to_first_token_seconds_bucket{adapter=\"a\",le=\"600.0\",} 1")
                .contains("tidemark_arrival_to_first_token_seconds_sum{adapter=\"a\",} 2.28");
    }

    @Test
    @DisplayName("Have a histogram of the time per token by adapter, with buckets from 1 ms to 2.5 s")
    void timePerToken() {
        // two times 12 ms between three tokens
        metrics.onCommitted(answer("a", new Completion.Timing(1, 10, 35), 3), 0);
        assertThat(registry.scrape())
                .contains("tidemark_time_per_token_seconds_bucket{adapter=\"a\",le=\"0.001\",} 0")
                .contains("tidemark_time_per_token_seconds_bucket{adapter=\"a\",le=\"0.01\",} 0")
                .contains("tidemark_time_per_token_seconds_bucket{adapter=\"a\",le=\"0.015\",} 1")
                .contains("tidemark_time_per_token_seconds_bucket{adapter=\"a\",le=\"2.5\",} 1")
                .doesNotContain("quantile");
    }

    @Test
    @DisplayName("Have histograms of queue time, of the request duration and of the commit")
    void times() {
        // received at 0 s, ended at 2.97 s
        metrics.onCommitted(
                answer("a", new Completion.Timing(300, 10, 310), 1),
                Duration.ofSeconds(3).toNanos());
        assertThat(registry.scrape())
                .contains("tidemark_queue_time_seconds_bucket{le=\"0.25\",} 0")
                .contains("tidemark_queue_time_seconds_bucket{le=\"0.5\",} 1")
                .contains("tidemark_queue_time_seconds_sum 0.3")
                .contains("tidemark_request_duration_seconds_bucket{le=\"2.5\",} 0")
                .contains("tidemark_request_duration_seconds_bucket{le=\"5.0\",} 1")
                .contains("tidemark_request_duration_seconds_count 1")
                .contains("tidemark_result_commit_seconds_bucket{le=\"0.02\",} 0")
                .contains("tidemark_result_commit_seconds_bucket{le=\"0.03\",} 1");
    }

    @Test
    @DisplayName("Have a histogram of compilations of formats by outcome")
    void formats() {
        metrics.onFormatCompiled("compiled", Duration.ofMillis(40));
        metrics.onFormatCompiled("unsupported_format", Duration.ofMillis(2));
        assertThat(registry.scrape())
                .contains("tidemark_format_compile_seconds_bucket{outcome=\"compiled\",le=\"0.03\",} 0")
                .contains("tidemark_format_compile_seconds_bucket{outcome=\"compiled\",le=\"0.05\",} 1")
                .contains("tidemark_format_compile_seconds_count{outcome=\"unsupported_format\",} 1");
    }

    @Test
    @DisplayName("Count how often a reply topic was set aside, by topic, from 0 on")
    void replyTopics() {
        metrics.bindReplyTopics(List.of("replies", "others"));
        assertThat(registry.scrape())
                .contains("tidemark_reply_topic_failures_total{topic=\"replies\",} 0")
                .contains("tidemark_reply_topic_failures_total{topic=\"others\",} 0");
        metrics.onTopicSetAside("replies");
        metrics.onTopicSetAside("replies");
        assertThat(registry.scrape()).contains("tidemark_reply_topic_failures_total{topic=\"replies\",} 2");
    }

    @Test
    @DisplayName("Have what happened to the logs of the request topics, by group and topic, from 0 on")
    void requestTopics() {
        metrics.bind(new DeliveryStatus(Time.system()).requestTopics(), List.of("requests"), "workers");
        assertThat(registry.scrape())
                .contains("tidemark_held_back_offsets{group=\"workers\",topic=\"requests\",} 0")
                .contains("tidemark_requests_expired_unread_total{group=\"workers\",topic=\"requests\",} 0")
                .contains("tidemark_request_logs_replaced_total{group=\"workers\",topic=\"requests\",} 0")
                .contains("tidemark_deaths_counted_total{group=\"workers\",topic=\"requests\",} 0");
    }

    @Test
    @DisplayName("Have the failures of the delivery from 0 on, and no age while no request is open")
    void delivery() {
        DeliveryStatus status = new DeliveryStatus(time);
        metrics.bind(status);
        assertThat(registry.scrape())
                .contains("tidemark_transactions_failed_total 0")
                .contains("tidemark_session_restarts_total 0")
                .contains("tidemark_isolated_partitions 0")
                .contains("tidemark_oldest_open_request_seconds 0");
    }

    @Test
    @DisplayName("Have a histogram of the time from the timestamp of a request to its commit, from 0.1 s to a day")
    void requestAge() {
        long now = time.instant().toEpochMilli();
        metrics.onCommitted(answer("a", now - 3_000), 0);
        metrics.onCommitted(answer("a", now + 60_000), 0);
        metrics.onCommitted(answer("a", -1), 0);
        assertThat(registry.scrape())
                .contains("tidemark_request_age_seconds_bucket{le=\"0.1\",} 1")
                .contains("tidemark_request_age_seconds_bucket{le=\"2.5\",} 1")
                .contains("tidemark_request_age_seconds_bucket{le=\"5.0\",} 2")
                .contains("tidemark_request_age_seconds_bucket{le=\"86400.0\",} 2")
                .contains("tidemark_request_age_seconds_count 2")
                .contains("tidemark_request_age_seconds_sum 3.0")
                .doesNotContain("quantile");
    }

    @Test
    @DisplayName("Add up the ages of many requests whose sender sets timestamps of 1970 without an overflow")
    void oldTimestamps() {
        for (int i = 0; i < 20; i++) {
            metrics.onCommitted(answer("a", 0), 0);
        }
        double sum = registry.get("tidemark.request.age").summary().totalAmount();
        assertThat(sum).isEqualTo(20 * time.instant().toEpochMilli() / 1e3);
        assertThat(registry.scrape()).contains("tidemark_request_age_seconds_bucket{le=\"+Inf\",} 20");
    }

    @Test
    @DisplayName("Count the requests with ignored fields, whose names are no tags")
    void ignoredFields() {
        Answer answer = answer("a", new Completion.Timing(1, 1, 2), 1);
        ErrorBody error = ErrorBody.serverError("code", "message");
        ErrorResult result = new ErrorResult(
                "r",
                ErrorResult.ERROR,
                0,
                Optional.of("a"),
                error,
                List.of("max_token", "promt"),
                answer.result().tidemark());
        metrics.onCommitted(answer, 0);
        metrics.onCommitted(new Answer(answer.request(), result, Optional.of(error), "code", Optional.empty(), 0), 0);
        assertThat(registry.scrape())
                .contains("tidemark_requests_ignored_fields_total{adapter=\"a\",} 1")
                .doesNotContain("max_token");
    }

    @Test
    @DisplayName("Count the errors that were written by code, also one in place of a result")
    void errors() {
        Answer answer = answer("a", new Completion.Timing(1, 1, 2), 1);
        metrics.onCommitted(answer, 0);
        metrics.onCommitted(answer.replacedBy(ErrorBody.serverError("reply_topic_failed", "failed")), 0);
        metrics.onCommitted(answer.replacedBy(ErrorBody.serverError("reply_topic_failed", "failed")), 0);
        assertThat(registry.scrape())
                .contains("tidemark_request_errors_total{code=\"reply_topic_failed\",} 2")
                .doesNotContain("tidemark_request_errors_total{code=\"stop\"");
    }

    @Test
    @DisplayName("Have at most 256 names at a time as tags, and none of a removed adapter")
    void removedNames() {
        for (int i = 0; i < WorkerMetrics.MAX_NAMES + 10; i++) {
            models.add("v" + i);
            metrics.onCommitted(answer("v" + i, new Completion.Timing(1, 1, 2), 1), 0);
        }
        assertThat(registry.scrape())
                .contains("tidemark_requests_total{adapter=\"other\",outcome=\"stop\",} 10")
                .doesNotContain("v256");
        models.remove("v7");
        models.add("next");
        metrics.removeUnknown();
        metrics.onCommitted(answer("next", new Completion.Timing(1, 1, 2), 1), 0);
        assertThat(registry.scrape())
                .contains("tidemark_requests_total{adapter=\"next\",outcome=\"stop\",} 1")
                .doesNotContain("\"v7\"");
    }

    @Test
    @DisplayName("Count requests by adapter and outcome; names that are no model share the tag unknown")
    void requests() {
        metrics.onCommitted(answer("a", new Completion.Timing(1, 1, 2), 1), 0);
        metrics.onCommitted(answer("name of a client", new Completion.Timing(1, 1, 2), 1), 0);
        metrics.onCommitted(
                answer("a", new Completion.Timing(1, 1, 2), 1)
                        .replacedBy(ErrorBody.serverError("result_too_large", "too large")),
                0);
        assertThat(registry.scrape())
                .contains("tidemark_requests_total{adapter=\"a\",outcome=\"stop\",} 2")
                .contains("tidemark_requests_total{adapter=\"unknown\",outcome=\"stop\",} 1")
                .contains("tidemark_tokens_total{adapter=\"a\",kind=\"prompt\",} 8")
                .doesNotContain("name of a client");
    }

    private static Answer answer(String model, long timestamp) {
        return answer(model, new Completion.Timing(1, 1, 2), 1, timestamp);
    }

    private static Answer answer(String model, Completion.Timing timing, int tokens) {
        return answer(model, timing, tokens, 0);
    }

    /** An answer that was received at 0 s and ended at 2.97 s. */
    private static Answer answer(String model, Completion.Timing timing, int tokens, long timestamp) {
        ReplyTarget nowhere = new ReplyTarget() {
            @Override
            public Optional<ErrorBody> refusal() {
                return Optional.empty();
            }

            @Override
            public void send(EventMessage event) {}
        };
        Completion completion = new Completion(
                "r",
                List.of(new Completion.GeneratedChoice(
                        0, "text", Collections.nCopies(tokens, 1), FinishReason.STOP, List.of())),
                new Completion.CompletionUsage(4, tokens, 0),
                timing);
        return new Answer(
                RequestFixtures.received(SOURCE, Optional.empty(), 0, timestamp, 1, 0, nowhere),
                new CompletionResult(
                        "r",
                        CompletionResult.TEXT_COMPLETION,
                        0,
                        model,
                        List.of(),
                        CompletionResult.Usage.of(4, tokens, 0),
                        admittedAfter(2_000)),
                Optional.empty(),
                "stop",
                Optional.of(completion),
                Duration.ofMillis(2_970).toNanos());
    }

    private static Provenance admittedAfter(double milliseconds) {
        return new Provenance(
                SOURCE,
                "base",
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                OptionalLong.empty(),
                OptionalLong.empty(),
                OptionalInt.empty(),
                OptionalInt.empty(),
                OptionalLong.empty(),
                OptionalLong.empty(),
                "w",
                1,
                OptionalDouble.of(milliseconds),
                OptionalDouble.empty(),
                OptionalDouble.empty(),
                OptionalDouble.empty());
    }
}
