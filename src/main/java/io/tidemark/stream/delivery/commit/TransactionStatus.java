package io.tidemark.stream.delivery.commit;

import java.util.Collection;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;

/** What happened to the transactions of a process, for metrics. Thread-safe. */
public final class TransactionStatus {

    private final AtomicLong failed = new AtomicLong();
    private volatile Set<String> topicsSetAside = Set.of();

    /** Transactions of answers that were aborted, or whose outcome was not known when they ended. */
    public long failed() {
        return failed.get();
    }

    /** The reply topics whose results become errors on the results topic, because they do not take records. */
    public Set<String> topicsSetAside() {
        return topicsSetAside;
    }

    void countFailed() {
        failed.incrementAndGet();
    }

    void setAside(Collection<String> topics) {
        topicsSetAside = Set.copyOf(topics);
    }
}
