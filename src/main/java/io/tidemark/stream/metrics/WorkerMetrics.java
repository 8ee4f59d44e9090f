package io.tidemark.stream.metrics;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.function.Supplier;

/** The worker's meters. Any thread may call. */
public final class WorkerMetrics {

    /** The tag for a model that nobody knows: a client's word never becomes a tag, or anyone could fill the registry. */
    public static final String UNKNOWN = "unknown";

    private static final double[] SHOWN = {0.5, 0.95, 0.99};

    private final MeterRegistry registry;

    public WorkerMetrics(MeterRegistry registry) {
        this.registry = registry;
    }

    /** @param outcome a finish reason in lower case, or an error's code */
    public void answered(String adapter, String outcome) {
        registry.counter("tidemark.requests", "adapter", adapter, "outcome", outcome)
                .increment();
    }

    /** Tokens of prompts and completions, once a request has ended. */
    public void tokens(String adapter, int prompt, int completion) {
        registry.counter("tidemark.tokens", "adapter", adapter, "kind", "prompt")
                .increment(prompt);
        registry.counter("tidemark.tokens", "adapter", adapter, "kind", "completion")
                .increment(completion);
    }

    /** @param milliseconds from admission to the first token */
    public void firstToken(String adapter, double milliseconds) {
        timer("tidemark.time.to.first.token", adapter).record(nanos(milliseconds));
    }

    /** @param milliseconds between two tokens of a row, on average over a request */
    public void perToken(String adapter, double milliseconds) {
        timer("tidemark.time.per.token", adapter).record(nanos(milliseconds));
    }

    /** A request got full LoRA because the table's word didn't hold, or there was none. */
    public void boundaryFallback(String reason) {
        registry.counter("tidemark.boundary.fallbacks", "reason", reason).increment();
    }

    /** A value that is asked for when metrics are read. */
    public void watch(String name, String description, Supplier<Number> value, String... tags) {
        Gauge.builder(name, value)
                .description(description)
                .tags(tags)
                .strongReference(true)
                .register(registry);
    }

    private Timer timer(String name, String adapter) {
        return Timer.builder(name)
                .tag("adapter", adapter)
                .publishPercentiles(SHOWN)
                .register(registry);
    }

    private static Duration nanos(double milliseconds) {
        return Duration.ofNanos(Math.max(0, (long) (milliseconds * 1e6)));
    }
}
