package io.tidemark.stream.delivery;

import java.util.Collection;
import java.util.Optional;
import java.util.stream.Stream;
import org.jboss.logging.Logger;

/**
 * Finds a crashing request: one that ends every worker that runs it. {@link CrashHistory} has the rule. After deaths
 * with common suspects these run alone, one at a time, each named by a commit before it starts.
 * While a request runs alone, no other request of the worker starts, so that it is the only possible cause of a death.
 *
 * <p>Used by the thread {@code tidemark-requests} only.
 */
final class CrashIsolation {

    private static final Logger LOG = Logger.getLogger(CrashIsolation.class);

    private final ReadAhead readAhead;

    /** What may start now. */
    sealed interface Permit {

        /** No request: one runs alone, or a commit must come first. */
        record Nothing() implements Permit {}

        /** Any requests. */
        record Anything() implements Permit {}

        /** This request only. It is removed from the requests that were read. */
        record Alone(Delivery delivery) implements Permit {}

        /** This request has ended workers. It gets an error and does not start; it is removed as well. */
        record Crashing(Delivery delivery) implements Permit {}
    }

    /** @param readAhead the requests that were read and have not started */
    CrashIsolation(ReadAhead readAhead) {
        this.readAhead = readAhead;
    }

    /**
     * What may start next. A single request is taken from those that were read, and partitions are marked for the next
     * commit.
     *
     * @param unanswered requests that have started and whose answers are not committed
     */
    Permit next(Collection<PartitionProgress> owned, Stream<Delivery> unanswered) {
        if (needsClaim(owned)) {
            // a partition is named in a commit before its requests run
            return new Permit.Nothing();
        }
        Optional<PartitionProgress> isolating =
                owned.stream().filter(this::isNextSuspect).findFirst();
        Delivery[] open = unanswered.toArray(Delivery[]::new);
        if (Stream.of(open).anyMatch(CrashIsolation::isTried)) {
            return new Permit.Nothing();
        }
        if (isolating.isPresent()) {
            return open.length > 0 ? new Permit.Nothing() : alone(isolating.get(), owned);
        }
        for (PartitionProgress each : owned) {
            if (readAhead.peek(each.partition()).isPresent()) {
                // its suspects have run alone, although answers of them may not be committed
                each.endIsolation();
            }
            if (each.crashes().isIsolating()) {
                each.setIdle();
            } else {
                each.setBusy();
            }
        }
        return needsClaim(owned) ? new Permit.Nothing() : new Permit.Anything();
    }

    /** Whether a request runs alone or is the next one to do so. Nothing is read ahead meanwhile. */
    boolean runsAlone(Collection<PartitionProgress> owned, Stream<Delivery> unanswered) {
        return owned.stream().anyMatch(this::isNextSuspect) || unanswered.anyMatch(CrashIsolation::isTried);
    }

    /** Whether the oldest request of a partition that was read has to run alone. */
    private boolean isNextSuspect(PartitionProgress progress) {
        return readAhead
                .peek(progress.partition())
                .filter(next -> progress.crashes().isSuspect(next.offset()))
                .isPresent();
    }

    /** Permits the oldest request of a partition, after a commit has named it. */
    private Permit alone(PartitionProgress progress, Collection<PartitionProgress> owned) {
        Delivery next = readAhead.peek(progress.partition()).orElseThrow();
        owned.stream().filter(each -> each != progress).forEach(PartitionProgress::setIdle);
        if (!isTried(next)) {
            LOG.infof("the request at %s runs alone", next);
        }
        progress.tryAlone(next.offset());
        if (needsClaim(owned)) {
            return new Permit.Nothing();
        }
        Delivery delivery = readAhead.take(progress.partition()).orElseThrow();
        if (progress.crashes().isCrashing(delivery.offset())) {
            LOG.errorf("the request at %s has ended workers and is not repeated", delivery);
            return new Permit.Crashing(delivery);
        }
        return new Permit.Alone(delivery);
    }

    /** Whether a request has to be the only one of the process. */
    private static boolean isTried(Delivery delivery) {
        return delivery.progress().crashes().isTrying(delivery.offset());
    }

    private static boolean needsClaim(Collection<PartitionProgress> owned) {
        return owned.stream().anyMatch(PartitionProgress::needsClaim);
    }
}
