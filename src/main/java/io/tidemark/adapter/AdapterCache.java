package io.tidemark.adapter;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Loaded adapters within a byte budget. The least recently used adapters are evicted: those without a lease first,
 * pinned ones last.
 *
 * <p>An adapter with leases can be evicted too. It leaves the cache at once, so that later requests load it again, and
 * its memory is freed when the last lease is closed. Otherwise a few adapters that are always in use could keep all
 * others out forever.
 *
 * <p>The memory of an adapter is charged in equal parts to the tenants that have leases of it, or whose leases wait for
 * its load.
 *
 * <p>{@link AdapterLoads} fills the cache: it reserves memory, loads an adapter and adds it. It calls
 * {@link #freeUnused} on its thread, because freeing takes milliseconds. All methods may be called from any thread; all
 * but that one and {@link #close} return at once.
 */
final class AdapterCache implements AutoCloseable {

    private final long budget;
    private final Runnable onRelease;

    /** The adapters in memory, in the order of their last lease, the oldest first. */
    private final Map<String, CachedAdapter> cached = new LinkedHashMap<>();
    /** Evicted adapters that have leases, or that are not yet freed. */
    private final List<CachedAdapter> evicted = new ArrayList<>();

    /** What each adapter that loads has reserved. */
    private final Map<String, Memory> reserved = new HashMap<>();

    private long cachedBytes;
    private long evictedBytes;
    private long reservedBytes;
    private long leases;
    private long hits;
    private long evictions;

    /** Memory of an adapter that is loaded or loads. */
    private static final class Memory {

        private final long bytes;
        /** The number of leases by tenant. */
        private final Map<String, Integer> leases = new HashMap<>();

        private Memory(long bytes) {
            this.bytes = bytes;
        }

        private void lease(String tenant) {
            leases.merge(tenant, 1, Integer::sum);
        }

        private void release(String tenant) {
            leases.computeIfPresent(tenant, (name, number) -> number == 1 ? null : number - 1);
        }

        private void addTo(Map<String, Double> charges) {
            leases.keySet().forEach(tenant -> charges.merge(tenant, (double) bytes / leases.size(), Double::sum));
        }

        /** What another lease of a tenant adds to its charge. */
        private double added(String tenant) {
            return leases.containsKey(tenant) ? 0 : (double) bytes / (leases.size() + 1);
        }
    }

    private static final class CachedAdapter {

        private final String key;
        private final boolean pinned;
        private final LoadedAdapter adapter;
        private final Memory memory;

        CachedAdapter(String key, boolean pinned, LoadedAdapter adapter) {
            this.key = key;
            this.pinned = pinned;
            this.adapter = adapter;
            this.memory = new Memory(adapter.weights().bytes());
        }

        private long bytes() {
            return memory.bytes;
        }

        private boolean isUnused() {
            return memory.leases.isEmpty();
        }

        private void free() {
            adapter.weights().close();
        }
    }

    /**
     * Current sizes, and counters since the cache was created.
     *
     * @param adapters  how many adapters are in the cache
     * @param bytes     memory of all adapters, evicted ones included
     * @param leases    requested with {@link #request}
     * @param hits      those of them whose adapter was in the cache
     * @param evictions adapters evicted
     */
    record CacheUsage(int adapters, long bytes, long leases, long hits, long evictions) {}

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

    /** Counts a request for a lease. */
    synchronized void request(String key) {
        leases++;
        if (cached.containsKey(key)) {
            hits++;
        }
    }

    /** Whether an adapter is in the cache, or has memory reserved. */
    synchronized boolean hasMemory(String key) {
        return cached.containsKey(key) || reserved.containsKey(key);
    }

    /** A lease for a tenant. Empty if the adapter is not in the cache. */
    synchronized Optional<AdapterLease> lease(String key, String tenant) {
        Optional<CachedAdapter> found = Optional.ofNullable(cached.remove(key));
        found.ifPresent(adapter -> cached.put(key, adapter));
        return found.map(adapter -> lease(adapter, tenant));
    }

    private AdapterLease lease(CachedAdapter adapter, String tenant) {
        adapter.memory.lease(tenant);
        return new AdapterLease(adapter.adapter, () -> release(adapter, tenant));
    }

    private void release(CachedAdapter adapter, String tenant) {
        synchronized (this) {
            adapter.memory.release(tenant);
        }
        onRelease.run();
    }

    /**
     * Reserves memory for an adapter that is not loaded yet. If it does not fit, evicts the adapters whose memory it
     * requires; it fits when enough of them are freed.
     *
     * @return whether the memory is reserved
     */
    synchronized boolean reserve(String key, long bytes) {
        if (!fits(bytes)) {
            evictFor(bytes);
            return false;
        }
        reserved.put(key, new Memory(bytes));
        reservedBytes += bytes;
        return true;
    }

    /** Whether memory can be reserved without an eviction. */
    synchronized boolean fits(long bytes) {
        return bytes <= budget - cachedBytes - evictedBytes - reservedBytes;
    }

    /** Charges the reserved memory of an adapter to a tenant whose lease waits for the load. */
    synchronized void charge(String key, String tenant) {
        reserved.get(key).lease(tenant);
    }

    synchronized void cancelReservation(String key) {
        reservedBytes -= reserved.remove(key).bytes;
    }

    /** The bytes that are charged to each tenant, of all adapters in memory and all reservations. */
    synchronized Map<String, Double> charges() {
        Map<String, Double> charges = new HashMap<>();
        Stream.concat(cached.values().stream(), evicted.stream())
                .map(adapter -> adapter.memory)
                .forEach(memory -> memory.addTo(charges));
        reserved.values().forEach(memory -> memory.addTo(charges));
        return charges;
    }

    /**
     * What a lease adds to the charge of a tenant; 0 if the tenant has a lease of the adapter already.
     *
     * @param bytes memory that the adapter will need, if it has none yet
     */
    synchronized double addedCharge(String key, String tenant, long bytes) {
        return Optional.ofNullable(cached.get(key))
                .map(adapter -> adapter.memory)
                .or(() -> Optional.ofNullable(reserved.get(key)))
                .map(memory -> memory.added(tenant))
                .orElse((double) bytes);
    }

    /**
     * Adds an adapter, whose reservation has been cancelled. The reservation may have been too low, so that others are
     * evicted.
     *
     * @param pinned  whether others are evicted first
     * @param tenants the tenants that get a lease, in the order of the returned leases
     */
    synchronized List<AdapterLease> add(String key, boolean pinned, LoadedAdapter loaded, List<String> tenants) {
        CachedAdapter adapter = new CachedAdapter(key, pinned, loaded);
        cached.put(key, adapter);
        cachedBytes += adapter.bytes();
        List<AdapterLease> granted =
                tenants.stream().map(tenant -> lease(adapter, tenant)).toList();
        evictFor(0);
        return granted;
    }

    /** Evicts as many adapters as a new one of this size requires. Only under the lock. */
    private void evictFor(long bytes) {
        List<CachedAdapter> unused = cached.values().stream()
                .filter(adapter -> adapter.isUnused() && !adapter.pinned)
                .toList();
        for (CachedAdapter next : unused) {
            if (bytes <= budget - cachedBytes - reservedBytes - leasedEvictedBytes()) {
                return;
            }
            evict(next);
        }
        List<CachedAdapter> pinnedLast = cached.values().stream()
                .sorted(Comparator.comparing(adapter -> adapter.pinned))
                .toList();
        for (CachedAdapter next : pinnedLast) {
            if (bytes <= budget - cachedBytes - reservedBytes) {
                return;
            }
            evict(next);
        }
    }

    /** Evicts an adapter that no later request uses. */
    synchronized void retire(String key) {
        Optional.ofNullable(cached.get(key)).ifPresent(this::evict);
    }

    private void evict(CachedAdapter adapter) {
        cached.remove(adapter.key);
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

    synchronized CacheUsage usage() {
        return new CacheUsage(cached.size(), cachedBytes + evictedBytes, leases, hits, evictions);
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
