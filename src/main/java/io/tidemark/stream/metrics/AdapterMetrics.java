package io.tidemark.stream.metrics;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.tidemark.adapter.AdapterStats;
import io.tidemark.adapter.AdapterStore;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;

/** The meters of the adapters' memory, read from the store when metrics are. */
public final class AdapterMetrics {

    private AdapterMetrics() {}

    public static void bind(MeterRegistry registry, AdapterStore store) {
        gauge(
                registry,
                store,
                "tidemark.adapters.registered",
                "adapters that may be asked for",
                AdapterStats::registered);
        gauge(registry, store, "tidemark.adapters.resident", "adapters in memory", AdapterStats::resident);
        gauge(registry, store, "tidemark.adapter.resident.bytes", "memory of adapters", AdapterStats::residentBytes);
        counter(registry, store, "tidemark.adapter.leases", "how often an adapter was asked for", AdapterStats::leases);
        counter(registry, store, "tidemark.adapter.hits", "how often it was in memory then", AdapterStats::hits);
        counter(
                registry,
                store,
                "tidemark.adapter.evictions",
                "adapters that had to make room",
                AdapterStats::evictions);
        counter(registry, store, "tidemark.adapter.failures", "loads that failed", AdapterStats::failures);
        FunctionTimer.builder(
                        "tidemark.adapter.load",
                        store,
                        s -> s.stats().loads(),
                        s -> s.stats().loadNanos(),
                        TimeUnit.NANOSECONDS)
                .description("adapters brought into memory")
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
