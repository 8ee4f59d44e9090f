package io.tidemark.stream.metrics;

import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.MeterRegistry;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.source.AdapterFolders;
import io.tidemark.catalog.AdapterCatalog;
import io.tidemark.message.WorkerStateRecord.State;
import java.util.concurrent.TimeUnit;

/** The meters of adapters, read from the catalog, its store and its sources when metrics are scraped. */
public final class AdapterMetrics {

    private AdapterMetrics() {}

    /** Registers the meters of names. The caller keeps a reference to the catalog. */
    public static void bind(MeterRegistry registry, AdapterCatalog catalog) {
        for (State state : State.values()) {
            new Meters(registry)
                    .gauge(
                            "tidemark.adapters",
                            "adapters and aliases by what they stand for in this process",
                            () -> catalog.states().stream()
                                    .filter(name -> name.state() == state)
                                    .count(),
                            "state",
                            state.written());
        }
        new Meters(registry)
                .gauge(
                        "tidemark.adapters.problems",
                        "names whose last record has no effect or whose files can't be had",
                        () -> catalog.states().stream()
                                .filter(name -> name.reason().isPresent())
                                .count());
    }

    /** Registers the meters of downloads. The caller keeps a reference to the folders. */
    public static void bind(MeterRegistry registry, AdapterFolders folders) {
        Meters meters = new Meters(registry);
        meters.gauge(
                "tidemark.source.cache.bytes",
                "size of the adapters in the cache folder",
                () -> folders.stats().cachedBytes());
        meters.gauge(
                "tidemark.source.cached.adapters",
                "adapters in the cache folder",
                () -> folders.stats().cachedFolders());
        meters.gauge(
                "tidemark.source.running.downloads",
                "downloads that run",
                () -> folders.stats().running());
        meters.counter(
                "tidemark.source.failures",
                "downloads that failed",
                folders,
                f -> f.stats().failed());
        meters.counter(
                "tidemark.source.downloaded.bytes",
                "bytes that were downloaded",
                folders,
                f -> f.stats().downloadedBytes());
        meters.counter(
                "tidemark.source.evictions",
                "adapters that were evicted from the cache folder",
                folders,
                f -> f.stats().evictions());
        FunctionTimer.builder(
                        "tidemark.source.download",
                        folders,
                        f -> f.stats().downloaded(),
                        f -> f.stats().downloadNanos(),
                        TimeUnit.NANOSECONDS)
                .description("downloads of adapters, without the waits before a repetition")
                .register(registry);
    }

    /** Registers the meters of the memory. The caller keeps a reference to the store. */
    public static void bind(MeterRegistry registry, AdapterStore store) {
        Meters meters = new Meters(registry);
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
