package io.tidemark.adapter;

/** Counts since the start. Guarded by the store's lock. */
final class LoadCounts {

    private long leases;
    private long hits;
    private long loads;
    private long loadNanos;
    private long failures;

    void asked(boolean hit) {
        leases++;
        hits += hit ? 1 : 0;
    }

    void loaded(long nanos) {
        loads++;
        loadNanos += nanos;
    }

    void failed() {
        failures++;
    }

    AdapterStats with(int registered, Residents residents) {
        return new AdapterStats(
                registered,
                residents.size(),
                residents.bytes(),
                leases,
                hits,
                loads,
                loadNanos,
                residents.evictions(),
                failures);
    }
}
