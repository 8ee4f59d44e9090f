package io.tidemark.stream.delivery;

import io.tidemark.stream.delivery.partition.CrashHistory;
import io.tidemark.stream.delivery.partition.PartitionProgress;
import io.tidemark.stream.delivery.reply.Delivery;
import java.util.Collection;
import java.util.Optional;
import java.util.stream.Stream;
import org.jboss.logging.Logger;

/**
 * Runs the suspects of deaths alone, one at a time, each named by a commit before it starts. {@link CrashHistory} has
 * the rule that finds the crashing one among them.
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
        Delivery[] open = unanswered.toArray(Delivery[]::new);
        Optional<Delivery> tried =
                Stream.of(open).filter(CrashIsolation::isTried).findFirst();
        if (tried.isPresent()) {
            // also partitions that were assigned since it has started
            setOthersIdle(owned, tried.get().progress());
            return new Permit.Nothing();
        }
        if (needsClaim(owned)) {
            // a partition is named in a commit before its requests run
            return new Permit.Nothing();
        }
        Optional<PartitionProgress> isolating =
                owned.stream().filter(this::isNextSuspect).findFirst();
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
        setOthersIdle(owned, progress);
        if (!isTried(next)) {
            next.request().logFields().during(() -> LOG.infof("the request at %s runs alone", next));
        }
        progress.tryAlone(next.offset());
        if (needsClaim(owned)) {
            return new Permit.Nothing();
        }
        Delivery delivery = readAhead.take(progress.partition()).orElseThrow();
        if (progress.crashes().isCrashing(delivery.offset())) {
            delivery.request()
                    .logFields()
                    .during(() -> LOG.errorf("the request at %s has ended workers and is not repeated", delivery));
            return new Permit.Crashing(delivery);
        }
        return new Permit.Alone(delivery);
    }

    private static void setOthersIdle(Collection<PartitionProgress> owned, PartitionProgress progress) {
        for (PartitionProgress each : owned) {
            if (each != progress) {
                each.setIdle();
            }
        }
    }

    /** Whether a request has to be the only one of the process. */
    private static boolean isTried(Delivery delivery) {
        return delivery.progress().crashes().isTrying(delivery.offset());
    }

    private static boolean needsClaim(Collection<PartitionProgress> owned) {
        return owned.stream().anyMatch(PartitionProgress::needsClaim);
    }
}
