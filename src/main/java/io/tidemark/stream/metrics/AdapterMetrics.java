package io.tidemark.stream.metrics;

import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.MeterRegistry;
import io.tidemark.adapter.AdapterStore;
import java.util.concurrent.TimeUnit;

/** The meters of the adapter cache, read from the store when metrics are scraped. */
public final class AdapterMetrics {

    private AdapterMetrics() {}

    /** Registers the meters. The caller keeps a reference to the store. */
    public static void bind(MeterRegistry registry, AdapterStore store) {
        Meters meters = new Meters(registry);
        meters.gauge(
                "tidemark.adapters.registered",
                "registered adapters",
                () -> store.stats().registered());
        meters.gauge(
                "tidemark.adapters.resident",
                "adapters in memory",
                () -> store.stats().resident());
        meters.gauge(
                "tidemark.adapter.resident.bytes",
                "memory of loaded adapters",
                () -> store.stats().residentBytes());
        meters.gauge(
                "tidemark.adapter.hanging.loads",
                "loads that are beyond their time limit and have not ended",
                () -> store.stats().hangingLoads());
        meters.counter(
                "tidemark.adapter.leases",
                "requests for an adapter",
                store,
                s -> s.stats().leases());
        meters.counter(
                "tidemark.adapter.hits",
                "requests for an adapter in memory",
                store,
                s -> s.stats().hits());
        meters.counter(
                "tidemark.adapter.evictions",
                "evicted adapters",
                store,
                s -> s.stats().evictions());
        meters.counter(
                "tidemark.adapter.failures",
                "loads that failed",
                store,
                s -> s.stats().failures());
        FunctionTimer.builder(
                        "tidemark.adapter.load",
                        store,
                        s -> s.stats().loads(),
                        s -> s.stats().loadNanos(),
                        TimeUnit.NANOSECONDS)
                .description("loads of adapters, without the wait for memory")
                .register(registry);
    }
}
