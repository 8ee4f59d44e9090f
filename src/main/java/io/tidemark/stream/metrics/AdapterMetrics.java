package io.tidemark.stream.metrics;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.tidemark.adapter.AdapterFigures;
import io.tidemark.adapter.AdapterStore;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;

/** The meters of the adapters' memory, read from the store when metrics are. */
public final class AdapterMetrics {

    private AdapterMetrics() {}

    public static void watch(MeterRegistry registry, AdapterStore store) {
        gauge(
                registry,
                store,
                "tidemark.adapters.registered",
                "adapters that may be asked for",
                AdapterFigures::registered);
        gauge(registry, store, "tidemark.adapters.resident", "adapters in memory", AdapterFigures::resident);
        gauge(registry, store, "tidemark.adapter.resident.bytes", "memory of adapters", AdapterFigures::residentBytes);
        counter(
                registry,
                store,
                "tidemark.adapter.leases",
                "how often an adapter was asked for",
                AdapterFigures::leases);
        counter(registry, store, "tidemark.adapter.hits", "how often it was in memory then", AdapterFigures::hits);
        counter(
                registry,
                store,
                "tidemark.adapter.evictions",
                "adapters that had to make room",
                AdapterFigures::evictions);
        counter(registry, store, "tidemark.adapter.failures", "loads that failed", AdapterFigures::failures);
        FunctionTimer.builder(
                        "tidemark.adapter.load",
                        store,
                        s -> s.figures().loads(),
                        s -> s.figures().loadNanos(),
                        TimeUnit.NANOSECONDS)
                .description("adapters brought into memory")
                .register(registry);
    }

    private static void gauge(
            MeterRegistry registry,
            AdapterStore store,
            String name,
            String description,
            ToDoubleFunction<AdapterFigures> value) {
        Gauge.builder(name, store, s -> value.applyAsDouble(s.figures()))
                .description(description)
                .strongReference(true)
                .register(registry);
    }

    private static void counter(
            MeterRegistry registry,
            AdapterStore store,
            String name,
            String description,
            ToDoubleFunction<AdapterFigures> value) {
        FunctionCounter.builder(name, store, s -> value.applyAsDouble(s.figures()))
                .description(description)
                .register(registry);
    }
}
