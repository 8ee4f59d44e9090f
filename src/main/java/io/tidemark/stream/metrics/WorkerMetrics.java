package io.tidemark.stream.metrics;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.tidemark.stream.tables.TopicFollower;
import java.time.Duration;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import java.util.stream.LongStream;

/** The meters of the worker. Timers are histograms, which can be aggregated over replicas. Thread-safe. */
public final class WorkerMetrics {

    /** The tag {@code adapter} of unknown models. Names from clients never become tags, to bound the time series. */
    public static final String UNKNOWN = "unknown";

    private static final Duration[] TOKEN_BUCKETS =
            milliseconds(1, 2, 5, 10, 15, 20, 30, 50, 75, 100, 150, 250, 500, 1_000, 2_500);
    private static final Duration[] REQUEST_BUCKETS = milliseconds(
            5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000);

    private final MeterRegistry registry;
    private final Timer queueTime;
    private final Timer requestDuration;
    private final Timer commitTime;

    public WorkerMetrics(MeterRegistry registry) {
        this.registry = registry;
        this.queueTime = Timer.builder("tidemark.queue.time")
                .description("time in the queue of the engine, from submission to admission into the batch")
                .serviceLevelObjectives(REQUEST_BUCKETS)
                .register(registry);
        this.requestDuration = Timer.builder("tidemark.request.duration")
                .description("time from reading a request until its result is committed")
                .serviceLevelObjectives(REQUEST_BUCKETS)
                .register(registry);
        this.commitTime = Timer.builder("tidemark.result.commit")
                .description("time from the end of a generation until its result is committed")
                .serviceLevelObjectives(TOKEN_BUCKETS)
                .register(registry);
    }

    /** @param outcome a finish reason in lower case, or the code of an error */
    public void countRequest(String adapter, String outcome) {
        registry.counter("tidemark.requests", "adapter", adapter, "outcome", outcome)
                .increment();
    }

    /** Counts the tokens of a finished request. */
    public void countTokens(String adapter, int prompt, int completion) {
        registry.counter("tidemark.tokens", "adapter", adapter, "kind", "prompt")
                .increment(prompt);
        registry.counter("tidemark.tokens", "adapter", adapter, "kind", "completion")
                .increment(completion);
    }

    /** Counts a request with full LoRA because no boundary record applies. */
    public void countBoundaryFallback(String reason) {
        registry.counter("tidemark.boundary.fallbacks", "reason", reason).increment();
    }

    /** @param milliseconds from submission to admission into the batch */
    public void recordQueueTime(double milliseconds) {
        queueTime.record(duration(milliseconds));
    }

    /** @param milliseconds from the end of a generation until its result is committed */
    public void recordCommitTime(double milliseconds) {
        commitTime.record(duration(milliseconds));
    }

    /** @param duration from reading the record of the request until its result is committed */
    public void recordRequestDuration(Duration duration) {
        requestDuration.record(duration);
    }

    /** @param milliseconds from admission into the batch to the first token */
    public void recordTimeToFirstToken(String adapter, double milliseconds) {
        Timer.builder("tidemark.time.to.first.token")
                .description("time from admission into the batch to the first token")
                .tag("adapter", adapter)
                .serviceLevelObjectives(REQUEST_BUCKETS)
                .register(registry)
                .record(duration(milliseconds));
    }

    /** @param milliseconds between two tokens of a choice, mean over a request */
    public void recordTimePerToken(String adapter, double milliseconds) {
        Timer.builder("tidemark.time.per.token")
                .description("time between two tokens of a choice, mean over a request")
                .tag("adapter", adapter)
                .serviceLevelObjectives(TOKEN_BUCKETS)
                .register(registry)
                .record(duration(milliseconds));
    }

    /** Registers a value that is read when metrics are scraped. */
    public void gauge(String name, String description, Supplier<Number> value, String... tags) {
        Gauge.builder(name, value)
                .description(description)
                .tags(tags)
                .strongReference(true)
                .register(registry);
    }

    /** Registers the lag of a followed topic. */
    public void bindLag(TopicFollower follower) {
        TableMetrics.bind(registry, follower);
    }

    /**
     * Registers a cumulative value that is read when metrics are scraped.
     *
     * @param source referenced weakly
     */
    public <T> void counter(String name, String description, T source, ToDoubleFunction<T> value, String... tags) {
        FunctionCounter.builder(name, source, value)
                .description(description)
                .tags(tags)
                .register(registry);
    }

    private static Duration duration(double milliseconds) {
        return Duration.ofNanos(Math.max(0, (long) (milliseconds * 1e6)));
    }

    private static Duration[] milliseconds(long... values) {
        return LongStream.of(values).mapToObj(Duration::ofMillis).toArray(Duration[]::new);
    }
}
