package io.tidemark.adapter;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Loaded adapters within a byte budget. The least recently used adapters are evicted, those without a lease first.
 *
 * <p>An adapter with leases can be evicted too. It leaves the cache at once, so that later requests load it again, and
 * its memory is freed when the last lease is closed. Otherwise a few adapters that are always in use could keep all
 * others out forever.
 *
 * <p>{@link AdapterLoads} fills the cache: it reserves memory, loads an adapter and adds it. It calls
 * {@link #freeUnused} on its thread, because freeing takes milliseconds. All methods may be called from any thread; all
 * but that one and {@link #close} return at once.
 */
final class AdapterCache implements AutoCloseable {

    private final long budget;
    private final Runnable onRelease;

    /** In order of the last lease, the oldest first. */
    private final Map<String, CachedAdapter> cached = new LinkedHashMap<>(16, 0.75f, true);
    /** Evicted adapters that have leases, or that are not yet freed. */
    private final List<CachedAdapter> evicted = new ArrayList<>();

    private long cachedBytes;
    private long evictedBytes;
    private long reservedBytes;
    private long leases;
    private long hits;
    private long evictions;

    private static final class CachedAdapter {

        private final LoadedAdapter adapter;
        private int leases;

        CachedAdapter(LoadedAdapter adapter) {
            this.adapter = adapter;
        }

        private long bytes() {
            return adapter.weights().bytes();
        }

        private boolean isUnused() {
            return leases == 0;
        }

        private void free() {
            adapter.weights().close();
        }
    }

    /**
     * Current sizes, and counters since the cache was created.
     *
     * @param adapters  in the cache
     * @param bytes     of all adapters in memory, evicted ones included
     * @param leases    requested with {@link #lease}
     * @param hits      those of them whose adapter was in the cache
     * @param evictions adapters evicted
     */
    record Usage(int adapters, long bytes, long leases, long hits, long evictions) {}

    /**
     * @param budget    maximum bytes of all adapters in memory and all reservations
     * @param onRelease called without a lock on the thread that closes a lease
     */
    AdapterCache(long budget, Runnable onRelease) {
        this.budget = budget;
        this.onRelease = onRelease;
    }

    long budget() {
        return budget;
    }

    /** Empty if the adapter is not in the cache. */
    synchronized Optional<AdapterLease> lease(String id) {
        leases++;
        Optional<CachedAdapter> found = Optional.ofNullable(cached.get(id));
        if (found.isPresent()) {
            hits++;
        }
        return found.map(this::lease);
    }

    private AdapterLease lease(CachedAdapter adapter) {
        adapter.leases++;
        return new AdapterLease(adapter.adapter, () -> release(adapter));
    }

    private void release(CachedAdapter adapter) {
        synchronized (this) {
            adapter.leases--;
        }
        onRelease.run();
    }

    /**
     * Reserves memory for an adapter that is not loaded yet. If it does not fit, evicts the adapters whose memory it
     * requires; it fits when enough of them are freed.
     *
     * @return whether the memory is reserved
     */
    synchronized boolean reserve(long bytes) {
        if (bytes <= budget - cachedBytes - evictedBytes - reservedBytes) {
            reservedBytes += bytes;
            return true;
        }
        evictFor(bytes);
        return false;
    }

    synchronized void cancelReservation(long bytes) {
        reservedBytes -= bytes;
    }

    /**
     * Adds an adapter, whose reservation has been cancelled. The reservation may have been too low, so that others are
     * evicted.
     *
     * @param leased number of leases of it to return
     */
    synchronized List<AdapterLease> add(LoadedAdapter loaded, int leased) {
        CachedAdapter adapter = new CachedAdapter(loaded);
        cached.put(loaded.id(), adapter);
        cachedBytes += adapter.bytes();
        List<AdapterLease> granted =
                Stream.generate(() -> lease(adapter)).limit(leased).toList();
        evictFor(0);
        return granted;
    }

    /** Evicts as many adapters as a new one of this size requires. Only under the lock. */
    private void evictFor(long bytes) {
        List<CachedAdapter> unused =
                cached.values().stream().filter(CachedAdapter::isUnused).toList();
        for (CachedAdapter next : unused) {
            if (bytes <= budget - cachedBytes - reservedBytes - leasedEvictedBytes()) {
                return;
            }
            evict(next);
        }
        while (bytes > budget - cachedBytes - reservedBytes && !cached.isEmpty()) {
            evict(cached.values().iterator().next());
        }
    }

    private void evict(CachedAdapter adapter) {
        cached.remove(adapter.adapter.id());
        cachedBytes -= adapter.bytes();
        evictedBytes += adapter.bytes();
        evicted.add(adapter);
        evictions++;
    }

    private long leasedEvictedBytes() {
        return evicted.stream()
                .filter(adapter -> !adapter.isUnused())
                .mapToLong(CachedAdapter::bytes)
                .sum();
    }

    /** Whether an evicted adapter has no lease, so that {@link #freeUnused} frees it. */
    synchronized boolean canFree() {
        return evicted.stream().anyMatch(CachedAdapter::isUnused);
    }

    /** Frees evicted adapters without leases, outside the lock. */
    void freeUnused() {
        List<CachedAdapter> unused;
        synchronized (this) {
            unused = evicted.stream().filter(CachedAdapter::isUnused).toList();
            evicted.removeAll(unused);
        }
        unused.forEach(CachedAdapter::free);
        synchronized (this) {
            // the bytes count until the memory is free
            unused.forEach(adapter -> evictedBytes -= adapter.bytes());
        }
    }

    synchronized Usage usage() {
        return new Usage(cached.size(), cachedBytes + evictedBytes, leases, hits, evictions);
    }

    /** Frees all adapters, leased ones too. */
    @Override
    public synchronized void close() {
        cached.values().forEach(CachedAdapter::free);
        evicted.forEach(CachedAdapter::free);
        cached.clear();
        evicted.clear();
        cachedBytes = 0;
        evictedBytes = 0;
    }
}
