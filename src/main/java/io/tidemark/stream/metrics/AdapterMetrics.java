package io.tidemark.stream.metrics;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.tidemark.adapter.AdapterStats;
import io.tidemark.adapter.AdapterStore;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;

/** The meters of the adapter cache, read from the store when metrics are scraped. */
public final class AdapterMetrics {

    private AdapterMetrics() {}

    /** Registers the meters. The caller keeps a reference to the store. */
    public static void bind(MeterRegistry registry, AdapterStore store) {
        gauge(registry, store, "tidemark.adapters.registered", "registered adapters", AdapterStats::registered);
        gauge(registry, store, "tidemark.adapters.resident", "adapters in memory", AdapterStats::resident);
        gauge(
                registry,
                store,
                "tidemark.adapter.resident.bytes",
                "memory of loaded adapters",
                AdapterStats::residentBytes);
        gauge(
                registry,
                store,
                "tidemark.adapter.hanging.loads",
                "loads that are beyond their time limit and have not ended",
                AdapterStats::hangingLoads);
        counter(registry, store, "tidemark.adapter.leases", "requests for an adapter", AdapterStats::leases);
        counter(registry, store, "tidemark.adapter.hits", "requests for an adapter in memory", AdapterStats::hits);
        counter(registry, store, "tidemark.adapter.evictions", "evicted adapters", AdapterStats::evictions);
        counter(registry, store, "tidemark.adapter.failures", "loads that failed", AdapterStats::failures);
        FunctionTimer.builder(
                        "tidemark.adapter.load",
                        store,
                        s -> s.stats().loads(),
                        s -> s.stats().loadNanos(),
                        TimeUnit.NANOSECONDS)
                .description("loads of adapters, without the wait for memory")
                .register(registry);
    }

    private static void gauge(
            MeterRegistry registry,
            AdapterStore store,
            String name,
            String description,
            ToDoubleFunction<AdapterStats> value) {
        Gauge.builder(name, store, s -> value.applyAsDouble(s.stats()))
                .description(description)
                .strongReference(true)
                .register(registry);
    }

    private static void counter(
            MeterRegistry registry,
            AdapterStore store,
            String name,
            String description,
            ToDoubleFunction<AdapterStats> value) {
        FunctionCounter.builder(name, store, s -> value.applyAsDouble(s.stats()))
                .description(description)
                .register(registry);
    }
}
