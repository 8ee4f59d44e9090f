package io.tidemark.stream.worker;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Recent cancellations. A cancellation may be read before its request, because Kafka does not order records of
 * different topics. It applies to requests whose record is not newer than its own, so that an id can be used again.
 * Thread-safe.
 */
final class RecentCancellations {

    private final Map<String, Long> timestamps;

    /** @param maxIds capacity; the oldest cancellations are evicted */
    RecentCancellations(int maxIds) {
        timestamps = new LinkedHashMap<>() {
            private static final long serialVersionUID = 1L;

            @Override
            protected boolean removeEldestEntry(Map.Entry<String, Long> eldest) {
                return size() > maxIds;
            }
        };
    }

    /** @param timestamp of the record of the cancellation, milliseconds since 1970 */
    synchronized void add(String requestId, long timestamp) {
        // put would keep the insertion order of an existing id
        timestamps.remove(requestId);
        timestamps.put(requestId, timestamp);
    }

    /** @param timestamp of the record of the request, milliseconds since 1970 */
    synchronized boolean covers(String requestId, long timestamp) {
        Long cancelled = timestamps.get(requestId);
        return cancelled != null && timestamp <= cancelled;
    }
}
