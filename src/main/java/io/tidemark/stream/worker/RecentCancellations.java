package io.tidemark.stream.worker;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The latest cancellations, for requests that are read after them: topics keep no order between each other. A
 * cancellation is for requests whose record is not newer than its own, so that an id can be used again. Any thread may
 * call.
 */
final class RecentCancellations {

    private final Map<String, Long> timestamps;

    /** @param most how many ids are remembered; the oldest ones go first */
    RecentCancellations(int most) {
        timestamps = new LinkedHashMap<>() {
            private static final long serialVersionUID = 1L;

            @Override
            protected boolean removeEldestEntry(Map.Entry<String, Long> eldest) {
                return size() > most;
            }
        };
    }

    /** @param timestamp of the cancellation's record, milliseconds since 1970 */
    synchronized void add(String requestId, long timestamp) {
        // put alone would leave an id at its old place
        timestamps.remove(requestId);
        timestamps.put(requestId, timestamp);
    }

    /** @param timestamp of the request's record */
    synchronized boolean cover(String requestId, long timestamp) {
        Long cancelled = timestamps.get(requestId);
        return cancelled != null && timestamp <= cancelled;
    }
}
