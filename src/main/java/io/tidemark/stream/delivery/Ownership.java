package io.tidemark.stream.delivery;

import io.tidemark.stream.delivery.commit.AnswerCommits;
import io.tidemark.stream.delivery.partition.PartitionProgress;
import io.tidemark.stream.delivery.partition.PartitionTakeover;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.common.TopicPartition;
import org.jboss.logging.Logger;

/**
 * The partitions that a session owns, from their assignment to their release or loss.
 *
 * <ul>
 *   <li>Assigned: {@link PartitionTakeover} reads the progress, and a commit names this process as the owner before the
 *       first request starts.
 *   <li>Revoked: requests that can end within {@code revoke-grace} do so, or within the rest of {@code shutdown-grace}
 *       after SIGTERM if that is longer; the others are abandoned. What has ended is committed, and the last commit
 *       names no owner.
 *   <li>Lost: all requests of the partition are abandoned, and nothing is committed.
 * </ul>
 *
 * <p>The consumer calls it during a poll. Used by the thread {@code tidemark-requests}.
 */
final class Ownership implements ConsumerRebalanceListener {

    private static final Logger LOG = Logger.getLogger(Ownership.class);
    /** How long the release of revoked partitions may take; other members wait for it. */
    private static final long RELEASE_NANOS = TimeUnit.SECONDS.toNanos(15);
    /** Below {@code max.poll.interval.ms}, after which a worker that does not poll is removed from the group. */
    private static final Duration MAX_GRACE = Duration.ofMinutes(4);

    private final DeliveryOptions options;
    private final Map<TopicPartition, PartitionProgress> owned;
    private final PartitionTakeover takeover;
    private final RunningRequests running;
    private final AnswerCommits commits;
    private final Intake intake;
    private final SessionReport report;
    private final LoopControl control;
    private final Time time;

    /** @param owned the owned partitions, which this class changes */
    Ownership(
            DeliveryOptions options,
            Map<TopicPartition, PartitionProgress> owned,
            PartitionTakeover takeover,
            RunningRequests running,
            AnswerCommits commits,
            Intake intake,
            SessionReport report,
            LoopControl control,
            Time time) {
        this.options = options;
        this.owned = owned;
        this.takeover = takeover;
        this.running = running;
        this.commits = commits;
        this.intake = intake;
        this.report = report;
        this.control = control;
        this.time = time;
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        if (partitions.isEmpty()) {
            return;
        }
        control.owns(true);
        for (PartitionProgress progress : takeover.fenceOwnersAndRead(partitions)) {
            owned.put(progress.partition(), progress);
        }
        report.assigned(partitions);
        LOG.infof("owns %d partitions, of which %d are new", owned.size(), partitions.size());
        if (owned.size() > options.budget().maxPartitions()) {
            LOG.warnf(
                    "the heap has space for the largest records of %d partitions; set -Xmx to %dm or more",
                    options.budget().maxPartitions(), options.budget().heapFor(owned.size()) >> 20);
        }
        // the poll that assigns partitions may also read them
        intake.pause(running.runsAlone());
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        if (control.isCrashed() || !owned.keySet().containsAll(partitions)) {
            // the session ends: the partitions are released already, or stay claimed as after a death
            drop(partitions);
            return;
        }
        commits.finish();
        Duration grace = revokeGrace();
        running.endWithin(grace, partitions);
        finishRequests(partitions, grace);
        if (control.isCrashed()) {
            drop(partitions);
        } else {
            release(partitions);
        }
    }

    /** Waits until no request of the partitions runs, or the grace is over. Commits what ends meanwhile. */
    private void finishRequests(Collection<TopicPartition> partitions, Duration grace) {
        long start = time.nanoTime();
        while (true) {
            running.takeAnswers();
            running.start();
            report.turned();
            if (!running.isAnyOf(partitions)
                    || time.nanosSince(start) >= grace.toNanos()
                    || control.isGraceOver()
                    || control.isCrashed()) {
                return;
            }
            commitOrPause();
        }
    }

    /**
     * How long requests of revoked partitions may run. A worker that ends gives them the time that it has: new workers
     * take partitions from it meanwhile, and would repeat what it has done.
     */
    private Duration revokeGrace() {
        Duration left = control.graceLeft();
        Duration longest = left.compareTo(MAX_GRACE) < 0 ? left : MAX_GRACE;
        return longest.compareTo(options.revokeGrace()) > 0 ? longest : options.revokeGrace();
    }

    private void commitOrPause() {
        if (!commits.commit(intake.group())) {
            commits.pause();
        }
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        // the consumer also calls this if it is closed during a rebalance; the partitions are released then
        long held = partitions.stream().filter(owned::containsKey).count();
        if (held > 0) {
            LOG.warnf("lost %d partitions; their requests are abandoned", held);
        }
        drop(partitions);
    }

    /** Commits what has ended, names no owner, and abandons the rest. */
    private void release(Collection<TopicPartition> partitions) {
        running.abandon(partitions);
        List<PartitionProgress> released = partitions.stream().map(owned::get).toList();
        released.forEach(this::giveBack);
        long start = time.nanoTime();
        while (time.nanosSince(start) < RELEASE_NANOS
                && (AnswerCommits.needsCommit(released) || running.isAnyUnanswered(released))) {
            commitOrPause();
        }
        drop(partitions);
    }

    /**
     * Releases all partitions. Polls between failed commits, because a rebalance that has begun refuses them until
     * this member has joined it.
     */
    void releaseAll() {
        running.abandon(owned.keySet());
        while (true) {
            // a poll may have assigned more partitions
            owned.values().forEach(this::giveBack);
            if (control.givesUp() || !AnswerCommits.needsCommit(owned.values()) && running.isAllAnswered()) {
                return;
            }
            if (!commits.commit(intake.group())) {
                intake.pause(running.runsAlone());
                intake.poll(commits.isDue(running.hasArrived()));
                commits.polled();
            }
        }
    }

    /**
     * Makes the next commit name no owner, unless an abandoned request of the partition still seems to hang. If the
     * process then ends because of this request, the next owner counts a death.
     */
    private void giveBack(PartitionProgress progress) {
        if (!running.isHanging(progress)) {
            progress.release();
        }
    }

    /** Removes partitions. Their requests are abandoned and their answers are dropped. */
    private void drop(Collection<TopicPartition> partitions) {
        List<TopicPartition> dropped = List.copyOf(partitions);
        running.drop(dropped);
        dropped.forEach(owned::remove);
        control.owns(!owned.isEmpty());
        report.dropped();
    }

    /** The progress of the owned partitions. */
    Collection<PartitionProgress> partitions() {
        return owned.values();
    }

    /** Releases what is still owned, if the session has failed. */
    void end() {
        if (!control.isCrashed() && !control.givesUp()) {
            try {
                release(owned.keySet());
            } catch (RuntimeException e) {
                LOG.debugf("the partitions could not be released: %s", e.getMessage());
            }
        }
        drop(owned.keySet());
    }
}
