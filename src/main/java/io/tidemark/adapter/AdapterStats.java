package io.tidemark.adapter;

/**
 * What a store has done and holds, for metrics.
 *
 * @param registered    adapters that may be asked for
 * @param resident      adapters in memory
 * @param residentBytes their memory, and that of evicted ones whose last rows still run
 * @param leases        how often an adapter was asked for
 * @param hits          how often it was in memory then
 * @param loads         adapters brought into memory
 * @param loadNanos     the time that took, without waiting for memory
 * @param evictions     adapters that had to make room
 * @param failures      loads that failed
 */
public record AdapterStats(
        int registered,
        int resident,
        long residentBytes,
        long leases,
        long hits,
        long loads,
        long loadNanos,
        long evictions,
        long failures) {}
