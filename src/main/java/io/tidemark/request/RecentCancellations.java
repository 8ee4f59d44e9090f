package io.tidemark.request;

import io.tidemark.message.CancellationMessage;
import io.tidemark.message.Provenance.Source;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/**
 * The cancellations of the last hour. A cancellation may be read before its request, because Kafka does not order
 * records of different topics, and because the request may wait in its topic. Timestamps are those of the records, in
 * milliseconds since 1970; both topics have the time of the broker, {@code LogAppendTime}. Thread-safe.
 *
 * <p>A cancellation by id applies to requests whose record is not newer than its own, so that an id can be used again.
 * A cancellation by source applies to the one record that it names. A cancellation expires when a cancellation is added
 * whose record is more than an hour newer.
 */
final class RecentCancellations {

    /** The time for which cancellations apply to requests that are read later. */
    static final long RETENTION_MS = TimeUnit.HOURS.toMillis(1);

    /** Limits the memory to about 15 MB for ids of 36 characters. */
    static final int MAX_CANCELLATIONS = 100_000;

    private static final Logger LOG = Logger.getLogger(RecentCancellations.class);

    /** What a cancellation names. */
    private sealed interface Target {
        record Id(String id) implements Target {}

        record Record(Source source) implements Target {}
    }

    private final int capacity;

    /** The timestamps of the cancellations, in the order in which they were added. */
    private final Map<Target, Long> timestamps = new LinkedHashMap<>();

    private long newest = Long.MIN_VALUE;
    private boolean overflowed;

    RecentCancellations() {
        this(MAX_CANCELLATIONS);
    }

    /** @param capacity the oldest cancellations are evicted above it */
    RecentCancellations(int capacity) {
        this.capacity = capacity;
    }

    /** @param timestamp when the record of the cancellation was written, milliseconds since 1970 */
    synchronized void add(CancellationMessage cancellation, long timestamp) {
        newest = Math.max(newest, timestamp);
        Target target = target(cancellation);
        Long previous = timestamps.remove(target);
        timestamps.put(target, previous == null ? timestamp : Math.max(previous, timestamp));
        Iterator<Long> oldest = timestamps.values().iterator();
        while (oldest.hasNext()) {
            boolean expired = oldest.next() < newest - RETENTION_MS;
            if (!expired && timestamps.size() <= capacity) {
                break;
            }
            oldest.remove();
            if (!expired && !overflowed) {
                overflowed = true;
                LOG.warnf(
                        "more than %d cancellations within an hour: the oldest ones do not apply to requests that are"
                                + " read from now on",
                        capacity);
            }
        }
    }

    /**
     * Whether a request is cancelled, by any cancellation that was added before.
     *
     * @param id the id of the request
     */
    synchronized boolean covers(String id, ReceivedRequest request) {
        OptionalLong byId = timestampOf(new Target.Id(id));
        return byId.isPresent() && request.timestamp() <= byId.getAsLong()
                || timestampOf(new Target.Record(request.source())).isPresent();
    }

    /** The timestamp of a cancellation that has not expired. An expired one may be kept behind a newer one. */
    private OptionalLong timestampOf(Target target) {
        Long timestamp = timestamps.get(target);
        return timestamp == null || timestamp < newest - RETENTION_MS
                ? OptionalLong.empty()
                : OptionalLong.of(timestamp);
    }

    private static Target target(CancellationMessage cancellation) {
        return cancellation
                .source()
                .<Target>map(Target.Record::new)
                .orElseGet(() -> new Target.Id(cancellation.id().orElseThrow()));
    }
}
