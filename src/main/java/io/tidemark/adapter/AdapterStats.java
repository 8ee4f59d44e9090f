package io.tidemark.adapter;

/**
 * Counters and current sizes of an {@link AdapterStore}, for metrics.
 *
 * @param registered    registered adapters
 * @param resident      adapters in memory
 * @param residentBytes memory of all adapters, evicted ones that are still leased included
 * @param leases        leases requested
 * @param hits          leases of adapters that were in memory
 * @param loads         completed loads
 * @param loadNanos     total time of completed loads, without the wait for memory
 * @param evictions     adapters evicted
 * @param failures      failed loads
 * @param hangingLoads  loads that are beyond their time limit and have not ended
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
        long failures,
        int hangingLoads) {}
